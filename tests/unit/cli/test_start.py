"""The start: any order of imports registers the accessor, and the command answers quickly because it loads little."""

import json
import os
import subprocess
import sys

import pytest

import events_pandas as ep

HEAVY = {"numpy", "pandas", "pyarrow", "requests", "starlette", "tqdm"}
REPORT = "import atexit, sys; atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"


def run(*arguments, **variables):
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def script(tmp_path):
    """A script like the one that pip installs, which prints the loaded modules on standard error at its end."""
    path = tmp_path / "events-pandas"
    path.write_text(f"{REPORT}import sys\nfrom events_pandas.cli import main\nif __name__ == '__main__':\n    main()\n")
    return str(path)


# The order of imports is Python's: no version of a library changes it.
@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        "import pandas as pd; import events_pandas",
        "import events_pandas; import pandas as pd",
        "import events_pandas.errors; import pandas as pd",
        "import events_pandas.cli; import pandas as pd",
        "from events_pandas import *; import pandas as pd",
        "from events_pandas import submit_events; import pandas as pd",
        "import events_pandas.__main__; import pandas as pd",
        "import sys; del sys.argv; import events_pandas; import pandas as pd",
        "import sys; sys.argv = []; import events_pandas; import pandas as pd",
    ],
)
def test_frame_has_the_accessor_after_any_order_of_imports(program):
    """Whatever is imported first, a frame can be checked by its accessor."""
    done = run("-c", f"{program}; print(pd.DataFrame().intercom.check)")

    assert (done.stderr, done.stdout.startswith("<bound method IntercomAccessor.check of")) == ("", True)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["submit", "--help"], ["sandbox", "--help"], ["check"], ["--show-completion"]],
)
def test_command_answers_without_pandas(script, arguments):
    """What needs no rows loads neither pandas nor pyarrow."""
    done = run(script, *arguments, SHELL="/bin/bash")

    loaded = set(done.stderr.splitlines()[-1].split())
    assert "typer" in loaded
    assert HEAVY.isdisjoint(loaded)


@pytest.mark.parametrize(
    ("words", "place", "completed"),
    [
        ("events-pandas su", "1", ["suggest", "submit"]),
        ("events-pandas submit --che", "2", ["--check-first", "--check-contacts"]),
        ("events-pandas runs --j", "2", ["--journal", "--json"]),
    ],
)
def test_shell_completes_without_pandas(script, words, place, completed):
    """A shell asks for the rest of a word, and waits for it."""
    variables = {"_EVENTS_PANDAS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": place}

    done = run(script, **variables)

    assert done.stdout.splitlines() == completed
    assert HEAVY.isdisjoint(done.stderr.split())


def test_module_is_the_command():
    """`python -m events_pandas` is the command, and as quick as the script."""
    done = run("-X", "importtime", "-m", "events_pandas", "--version")

    assert done.stdout == f"events-pandas {ep.__version__}\n"
    assert " pandas\n" not in done.stderr


def test_command_still_has_the_names_of_the_package(script):
    """Code that the command runs may use the package, whose names are loaded when one is used."""
    program = f"import sys; sys.argv = [{script!r}]\nimport events_pandas as ep, json\n"
    program += "before = 'pandas' in sys.modules; ep.Text\nprint(json.dumps([before, dir(ep)]))\n"
    program += "import pandas as pd; assert pd.DataFrame().intercom; assert {*ep.__all__} < {*dir(ep)}"

    done = run("-c", program)

    assert (done.stderr, json.loads(done.stdout)) == ("", [False, dir(ep)])


def test_name_that_does_not_exist_is_an_attribute_error():
    """The error names the package."""
    with pytest.raises(AttributeError, match=r"^module 'events_pandas' has no attribute 'nonsense'$"):
        _ = ep.nonsense
