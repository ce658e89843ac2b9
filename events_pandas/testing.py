"""For your own tests: a pytest fixture that is a local Intercom, and a marker with its options.

`pytest_plugins = ["events_pandas.testing"]` in the topmost `conftest.py` gives every test the fixture
`intercom_sandbox`, a `Sandbox` that runs during the test. It needs pytest, and the extra ``events-pandas[sandbox]``.
The marker ``intercom_sandbox`` takes the options of `Sandbox`.

Examples
--------
A team has a mapping of its orders, and tests that Intercom gets the right price. In ``conftest.py``::

    pytest_plugins = ["events_pandas.testing"]

In ``test_orders.py``::

    import pandas as pd
    import pytest

    import events_pandas as ep

    MAPPING = ep.EventMapping(
        event_name="placed-order",
        created_at="ordered_at",
        user_id="customer_id",
        metadata={"price": ep.MonetaryAmount("total", currency="currency")},
        timezone="Europe/Berlin",
    )
    ORDERS = pd.DataFrame(
        {"ordered_at": ["2024-01-31 12:00"], "customer_id": ["00042"], "total": ["349.99"], "currency": ["EUR"]}
    )


    def test_price_arrives_in_cents(intercom_sandbox):
        with intercom_sandbox.client() as client:
            ep.submit_events(ORDERS, MAPPING, client=client)

        assert intercom_sandbox.events[0].metadata["price"] == {"amount": 34999, "currency": "eur"}


    @pytest.mark.intercom_sandbox(unknown_contacts=["00042"])
    def test_order_of_an_unknown_contact_is_reported(intercom_sandbox):
        with intercom_sandbox.client() as client:
            results = ep.submit_events(ORDERS, MAPPING, client=client)

        assert results["status"].tolist() == ["unknown_contact"]
        assert intercom_sandbox.events == []
"""

import inspect
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

from events_pandas.deliver.journal.places import DIRECTORY_VARIABLE
from events_pandas.words import did_you_mean

if TYPE_CHECKING:
    from events_pandas.sandbox import Sandbox

_MARKER: Final = "intercom_sandbox"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that `--strict-markers` knows it.

    Parameters
    ----------
    config : pytest.Config
        The configuration of the run.
    """
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): give the fixture {_MARKER} options of events_pandas.Sandbox, such as limit=83",
    )


@pytest.fixture
def intercom_sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Sandbox"]:
    """Run a local Intercom for one test.

    Parameters
    ----------
    request : pytest.FixtureRequest
        The test that uses the fixture, with its markers.
    monkeypatch : pytest.MonkeyPatch
        Sets the directory of journals for the test.
    tmp_path_factory : pytest.TempPathFactory
        Makes that directory.

    Yields
    ------
    Sandbox
        A running sandbox with an empty workspace of its own, stopped after the test. It has no rate limit, so that
        tests do not wait for it.

    See Also
    --------
    events_pandas.Sandbox : Its methods and its options.

    Notes
    -----
    Journals of the test are kept in a temporary directory, not in the user's.

    ``@pytest.mark.intercom_sandbox(limit=83, unknown_contacts=["7"])`` gives options to one test, to a class, or, as
    `pytestmark`, to a module. If several markers give the same option, the marker nearest to the test counts.

    Examples
    --------
    Test a short outage of Intercom::

        def test_events_arrive_despite_an_outage(intercom_sandbox):
            intercom_sandbox.fail_next(503, times=3)
            ...
    """
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path_factory.mktemp("journals")))
    with _sandbox(request.node.iter_markers(_MARKER)) as sandbox:
        yield sandbox


def _sandbox(markers: Iterable[pytest.Mark]) -> "Sandbox":
    """Return a sandbox with the options of the markers; the nearest to the test comes first."""
    try:
        from events_pandas.sandbox import Sandbox  # noqa: PLC0415  # An extra, loaded when first used.
    except ImportError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    known = inspect.signature(Sandbox).parameters
    options: dict[str, Any] = {"limit": None}
    for marker in reversed(list(markers)):
        _require_options(marker, known)
        options |= marker.kwargs
    try:
        return Sandbox(**options)
    except (TypeError, ValueError) as error:
        raise pytest.fail.Exception(f"@pytest.mark.{_MARKER}: {error}", pytrace=False) from None


def _require_options(marker: pytest.Mark, known: Iterable[str]) -> None:
    if marker.args:
        pytest.fail(f"@pytest.mark.{_MARKER} takes options by name, such as limit=83", pytrace=False)
    for option in marker.kwargs:
        if option not in known:
            pytest.fail(
                f"@pytest.mark.{_MARKER} has no option {option!r}: {did_you_mean(option, known)}", pytrace=False
            )
