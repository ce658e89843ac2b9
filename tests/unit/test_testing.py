"""The plugin for users' tests, run as they run it: in a pytest of its own."""

import re
import sys
from importlib.metadata import distribution

import pytest

# Loaded here, so that a pytest within pytest does not load and unload them.
import events_pandas.sandbox  # noqa: F401  # See above.
from events_pandas import testing

pytest_plugins = ["pytester"]

# The name of a file, a colon, a blank line and the code of the file.
BLOCK = re.compile(r"``(?P<name>\w+)\.py``::\n\n(?P<code>(?: {4}.*\n|\n)+)")


@pytest.fixture
def run(pytester):
    """Run tests that use the plugin, with strict markers, and return the output of pytest."""

    def run(code, *arguments):
        pytester.makeconftest('pytest_plugins = ["events_pandas.testing"]')
        pytester.makepyfile(code)
        return pytester.runpytest_inprocess("--strict-markers", "-p", "no:cacheprovider", *arguments)

    return run


def test_example_of_the_docstring_passes(pytester):
    """The files of the module's docstring run as they are, without a warning."""
    files = {block["name"]: block["code"] for block in BLOCK.finditer(testing.__doc__)}
    pytester.makepyfile(**files)

    result = pytester.runpytest_subprocess("--strict-markers", "-W", "error")

    assert files.keys() == {"conftest", "test_orders"}
    result.assert_outcomes(passed=2)


def test_fixture_is_a_running_sandbox_without_a_limit(run):
    """A test gets an empty workspace without a rate limit."""
    result = run("""
        def test_sandbox(intercom_sandbox):
            assert intercom_sandbox.url.startswith("http://127.0.0.1:")
            assert intercom_sandbox.events == []
            assert intercom_sandbox.limit is None
    """)

    result.assert_outcomes(passed=1)


def test_fixture_gives_each_test_a_workspace_of_its_own_and_stops_it(run):
    """A test does not see the events of another one, and its sandbox is closed."""
    result = run("""
        import requests

        EVENT = {"event_name": "placed-order", "created_at": 1389913941, "user_id": "7"}
        seen = []

        def submit(sandbox):
            seen.append(sandbox)
            headers = {"Authorization": f"Bearer {sandbox.access_token}"}
            requests.post(f"{sandbox.url}/events", json=EVENT, headers=headers, timeout=5)
            return len(sandbox.events)

        def test_first(intercom_sandbox):
            assert submit(intercom_sandbox) == 1

        def test_second(intercom_sandbox):
            assert submit(intercom_sandbox) == 1
            assert repr(seen[0]) == "<Sandbox, not running>"
    """)

    result.assert_outcomes(passed=2)


def test_marker_gives_options(run):
    """Any option of the sandbox can be given to one test."""
    result = run("""
        import pytest

        @pytest.mark.intercom_sandbox(limit=83, access_token="mine")
        def test_options(intercom_sandbox):
            assert (intercom_sandbox.limit, intercom_sandbox.access_token) == (83, "mine")

        def test_no_options(intercom_sandbox):
            assert (intercom_sandbox.limit, intercom_sandbox.access_token) == (None, "sandbox-token")
    """)

    result.assert_outcomes(passed=2)


def test_marker_nearest_to_the_test_counts(run):
    """Options of module, class and test add up; the test's own value wins."""
    result = run("""
        import pytest

        pytestmark = pytest.mark.intercom_sandbox(limit=1, access_token="module")

        @pytest.mark.intercom_sandbox(limit=2)
        class TestOptions:
            def test_class(self, intercom_sandbox):
                assert (intercom_sandbox.limit, intercom_sandbox.access_token) == (2, "module")

            @pytest.mark.intercom_sandbox(limit=3)
            def test_own(self, intercom_sandbox):
                assert (intercom_sandbox.limit, intercom_sandbox.access_token) == (3, "module")
    """)

    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("83", "takes options by name, such as limit=83"),
        ("limits=83", "has no option 'limits': did you mean 'limit'?"),
        ("limit=0", ": limit must be at least 1, not 0; None stands for no limit"),
        ("contacts='7'", ": contacts must be a list, not one contact: pass ['7']"),
    ],
)
def test_marker_reports_what_is_wrong_with_it(run, arguments, message):
    """A wrong marker gives one line without a traceback, and the test does not run."""
    result = run(f"""
        import pytest

        @pytest.mark.intercom_sandbox({arguments})
        def test_options(intercom_sandbox):
            raise AssertionError("it ran")
    """)

    separator = "" if message.startswith(":") else " "
    result.assert_outcomes(errors=1)
    assert f"@pytest.mark.intercom_sandbox{separator}{message}" in result.outlines
    assert not re.search("Traceback|another exception|it ran", result.stdout.str())


def test_marker_is_listed(run):
    """`pytest --markers` says what the marker is for."""
    result = run("", "--markers")

    assert (
        "@pytest.mark.intercom_sandbox(**options): give the fixture intercom_sandbox options of "
        "events_pandas.Sandbox, such as limit=83"
    ) in result.outlines


def test_fixture_is_listed_with_its_summary(run):
    """`pytest --fixtures` says what the fixture is."""
    result = run("", "--fixtures")

    assert "    Run a local Intercom for one test." in result.outlines


def test_fixture_names_the_extra_when_it_is_not_installed(run, monkeypatch):
    """Without the web server one line names the extra to install, and other tests run."""
    monkeypatch.delitem(sys.modules, "events_pandas.sandbox")
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    result = run("""
        def test_sandbox(intercom_sandbox):
            pass

        def test_other():
            pass
    """)

    result.assert_outcomes(passed=1, errors=1)
    assert 'the sandbox needs an extra: pip install "events-pandas[sandbox]"' in result.outlines
    assert not re.search("Traceback|another exception", result.stdout.str())


def test_package_has_no_entry_point_for_pytest():
    """A run of pytest that does not name the plugin does not load it or pandas."""
    assert [entry.group for entry in distribution("events-pandas").entry_points] == ["console_scripts"]
