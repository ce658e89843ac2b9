"""The control of a running sandbox: what it reads, changes and refuses."""

import json

import pytest

from events_pandas.sandbox.faults import FaultPlan, Faults, NextFault
from events_pandas.sandbox.rules.refusals import Refusal
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.server.control import Control

SETTINGS = {
    "limit": 83,
    "window_seconds": 10.0,
    "faults": {
        "latency_seconds": 0.0,
        "jitter": 0.0,
        "statuses": {"500": 0.25},
        "drop_before": 0.0,
        "drop_after": 0.0,
        "lose": 0.0,
        "garbage": 0.0,
        "trickle_body": 0.0,
        "trickle_headers": 0.0,
        "no_answer": 0.0,
        "trickle_seconds": 1.0,
        "outage_after_seconds": 0.0,
        "outage_seconds": 0.0,
        "clock_skew_seconds": 0.0,
        "search_lag_seconds": 0.0,
        "rate_headers": True,
        "token_revoked": False,
        "seed": 7,
    },
    "fail_next": [],
}
FAULTS = ", ".join(SETTINGS["faults"])


@pytest.fixture
def control():
    """The control of a sandbox whose faults were set at second 100 of its clock."""
    plan = FaultPlan(Faults(statuses={500: 0.25}, seed=7), now=100.0)
    return Control(window=RateWindow(limit=83, window_seconds=10.0), plan=plan)


def read(control):
    answer = control.answer("GET", b"", uptime=100.0)
    assert answer.status == 200
    return json.loads(answer.content)


def change(control, settings, *, uptime=100.0):
    body = settings if isinstance(settings, bytes) else json.dumps(settings).encode()
    return control.answer("PATCH", body, uptime=uptime)


def test_control_gives_all_settings(control) -> None:
    """All settings that can be changed can be read."""
    assert read(control) == SETTINGS


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, SETTINGS),
        ({"limit": 5}, SETTINGS | {"limit": 5}),
        ({"limit": None, "window_seconds": 0.5}, SETTINGS | {"limit": None, "window_seconds": 0.5}),
        (
            {"faults": {"drop_after": 0.5, "rate_headers": False}},
            SETTINGS | {"faults": SETTINGS["faults"] | {"drop_after": 0.5, "rate_headers": False}},
        ),
        (
            {"faults": {"statuses": {"503": 1}}},
            SETTINGS | {"faults": SETTINGS["faults"] | {"statuses": {"503": 1}}},
        ),
        ({"faults": None}, SETTINGS | {"faults": SETTINGS["faults"] | {"statuses": {}, "seed": 0}}),
        ({"fail_next": None}, SETTINGS),
        (
            {"fail_next": {"fault": 500, "times": 3}},
            SETTINGS | {"fail_next": [{"fault": 500, "times": 3, "path": "/events"}]},
        ),
    ],
)
def test_control_changes_what_is_named_and_tells_all(control, settings, expected) -> None:
    """Settings that are not named stay; the statuses are one setting."""
    answer = change(control, settings)

    assert (answer.status, json.loads(answer.content)) == (200, expected)
    assert read(control) == expected


def test_control_lets_the_next_requests_fail(control) -> None:
    """`fail_next` of the control works like the method."""
    change(control, {"fail_next": {"fault": "drop_after", "times": 2, "path": "/contacts"}})

    assert [control.plan.next_fault("POST", "/contacts", b"") for _ in range(3)] == ["drop_after", "drop_after", None]


def test_control_tells_the_faults_that_are_still_to_come(control) -> None:
    """The control shows the faults of `fail_next` that are left, and takes them back."""
    change(control, {"fail_next": {"fault": "drop_after", "times": 2}})
    change(control, {"fail_next": {"fault": 503, "path": "/me"}})
    control.plan.next_fault("POST", "/events", b"")

    before = read(control)["fail_next"]
    change(control, {"fail_next": None})

    assert before == [
        {"fault": "drop_after", "times": 1, "path": "/events"},
        {"fault": 503, "times": 1, "path": "/me"},
    ]
    assert read(control) == SETTINGS
    assert control.plan.next_fault("GET", "/me", b"") is None


class RecordedWindow(RateWindow):
    """A window that remembers what was set."""

    def __init__(self):
        super().__init__(limit=83, window_seconds=10.0)
        self.settings = []

    def __setattr__(self, name, value):
        if name in {"limit", "window_seconds"}:
            self.settings.append((name, value))
        super().__setattr__(name, value)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"window_seconds": 10.0}, [("window_seconds", 10.0)]),
        ({"limit": 83}, [("limit", 83)]),
        ({"faults": {"seed": 8}}, []),
    ],
)
def test_control_sets_nothing_that_is_not_named(control, settings, expected) -> None:
    """A setting that is not named is not set: another thread may be setting it."""
    window = RecordedWindow()

    change(Control(window=window, plan=control.plan), settings)

    assert window.settings == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"limit": 5, "limit": 6}', "a key occurs twice in one object"),
        (b'{"faults": {"statuses": {"500": 0.1, "500": 0.2}}}', "a key occurs twice in one object"),
        (b'{"window_seconds": NaN}', "NaN is not a JSON number"),
    ],
)
def test_control_reads_json_as_strictly_as_the_api(control, body, message) -> None:
    """A key that occurs twice is refused."""
    answer = change(control, body)

    assert answer == Refusal(status=400, code="bad_request", message=f"The body is not valid JSON: {message}")
    assert read(control) == SETTINGS


def test_control_takes_objects_only(control) -> None:
    """The body must be an object."""
    answer = change(control, [])

    assert answer == Refusal(status=400, code="bad_request", message="The body is not a JSON object")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"limits": 5}, "the body has no field 'limits': did you mean 'limit'?"),
        ({"x": 5}, "the body has no field 'x': there are limit, window_seconds, faults, fail_next"),
        ({"limit": 0}, "limit must be at least 1, not 0; None stands for no limit"),
        ({"limit": "5"}, "limit must be a whole number, not '5'; None stands for no limit"),
        ({"window_seconds": None}, "window_seconds must be a number of at least 0.001, not None"),
        ({"faults": []}, f"faults must be an object with some of the fields {FAULTS}"),
        ({"faults": {"drop_befor": 1}}, "faults has no field 'drop_befor': did you mean 'drop_before'?"),
        ({"faults": {"drop_before": 2}}, "drop_before must be a share between 0 and 1, not 2"),
        ({"faults": {"latency_seconds": 10**400}}, f"latency_seconds must be a number of seconds, not {10**400}"),
        ({"faults": {"statuses": {"ok": 1}}}, "statuses must be from 400 to 599, not 'ok'"),
        ({"faults": {"statuses": {"²": 1}}}, "statuses must be from 400 to 599, not '²'"),
        ({"faults": {"statuses": {"500": 0.1, "0500": 0.1}}}, "statuses must be from 400 to 599, not '0500'"),
        (
            {"faults": {"drop_after": 0.8}},
            "the shares of statuses[500], drop_after sum up to 1.05: at most 1 is allowed",
        ),
        ({"fail_next": 500}, "fail_next must be an object with some of the fields fault, times, path"),
        ({"fail_next": {"times": 2}}, "fail_next needs a fault, such as 500 or 'drop_after'"),
        ({"fail_next": {"fault": 500, "time": 2}}, "fail_next has no field 'time': did you mean 'times'?"),
        ({"fail_next": {"fault": 500, "times": 0}}, "times must be at least 1, not 0"),
        (
            {"fail_next": {"fault": 500, "path": "/event"}},
            "no path '/event' in this API: use a path such as /events, /me or /contacts",
        ),
    ],
)
def test_control_names_what_is_wrong_and_changes_nothing(control, settings, message) -> None:
    """A change with a wrong part changes nothing."""
    good = {"limit": 5, "faults": {"seed": 8}, "fail_next": {"fault": 503}}

    answer = change(control, good | settings)

    assert answer == Refusal(status=400, code="parameter_invalid", message=message)
    assert read(control) == SETTINGS
    assert control.plan.next_fault("POST", "/events", b"") is None


def test_control_survives_a_body_of_great_depth(control) -> None:
    """A body that no parser can read is refused."""
    assert change(control, b"[" * 100_000).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_control_reads_and_patches_only(control, method) -> None:
    """Methods other than GET and PATCH are answered 404."""
    assert control.answer(method, b"{}", uptime=100.0).status == 404


def test_control_begins_an_outage_when_it_is_asked_for(control) -> None:
    """An outage is counted from the change that names it; other changes do not restart it."""
    change(control, {"faults": {"outage_seconds": 10}}, uptime=200.0)
    change(control, {"faults": {"latency_seconds": 0.5}}, uptime=205.0)

    assert [control.plan.is_outage(now) for now in (199, 200, 209, 210)] == [False, True, True, False]


@pytest.mark.parametrize(
    "path", ["/events", "/me", "/contacts/search", "/contacts/7", "/contacts/find_by_external_id/a b"]
)
def test_control_knows_the_paths_of_the_api(control, path) -> None:
    """`fail_next` takes the path of any endpoint."""
    control.fail_next(NextFault(fault=500, path=path))

    assert control.plan.next_fault("GET", path, b"") == 500


@pytest.mark.parametrize("path", ["", "/", "/events/", "/sandbox/control", "/contacts/find_by_external_id", 7, None])
def test_control_refuses_an_unknown_path(control, path) -> None:
    """A fault that no request could meet is refused."""
    message = f"^no path {path!r} in this API: use a path such as /events, /me or /contacts$"

    with pytest.raises(ValueError, match=message):
        control.fail_next(NextFault(fault=500, path=path))
