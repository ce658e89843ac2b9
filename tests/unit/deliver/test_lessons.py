"""What the answer to one event says about others, and when too many fail."""

import pytest

from events_pandas.deliver.decide import Verdict
from events_pandas.deliver.lessons import Lessons
from events_pandas.deliver.outcomes import Event, Outcome, Status

FULL = "Intercom rejected the event (422 Unprocessable Entity: Cannot have more than 120 active event names): mend it"


def _event(row, *, contact="ada", name="placed-order"):
    return Event(row=row, payload=b"{}", contact=contact, name=name)


@pytest.fixture
def lessons():
    """Return what a run knows after a 404 for a contact and a refusal of an event name."""
    lessons = Lessons()
    lessons.note(_event(3, contact="ghost"), Outcome(row=3, status=Status.UNKNOWN_CONTACT, error_code="not_found"))
    refused = Outcome(row=5, status=Status.REJECTED, http_status=422, error_code="422", error_message=FULL)
    lessons.note(_event(5, contact="bob", name="signed-up"), refused)
    return lessons


def test_lessons_lets_other_events_go(lessons):
    """An event of another contact and another name is sent."""
    assert lessons.verdict(_event(8)) is None


def test_lessons_holds_back_the_events_of_an_unknown_contact(lessons):
    """They have the status and code of the first one, and name its row."""
    assert lessons.verdict(_event(8, contact="ghost")) == Verdict(
        status=Status.UNKNOWN_CONTACT,
        error_code="not_found",
        error_message=(
            "row 3 of the same contact was answered 404, and no further request was made for this contact: "
            "create it or fix the identifier, then submit the row again"
        ),
    )


def test_lessons_holds_back_the_events_of_a_name_that_is_one_too_many(lessons):
    """The events of every contact are held back, as the workspace has no room for the name."""
    assert lessons.verdict(_event(8, name="signed-up")) == Verdict(
        status=Status.REJECTED,
        error_code="422",
        error_message=(
            "row 5 of the same event name was answered 422, as the workspace has no room for another name, "
            "and no further request was made for this name: archive a name in Intercom or use an existing one, "
            "then submit the row again"
        ),
    )


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(row=1, status=Status.REJECTED, http_status=422, error_code="422", error_message="malformed"),
        Outcome(row=1, status=Status.REJECTED, http_status=400, error_code="parameter_invalid", error_message=FULL),
        Outcome(row=1, status=Status.FAILED, http_status=503, error_code="server_error", error_message="503"),
        Outcome(row=1, status=Status.ACCEPTED, http_status=202),
    ],
)
def test_lessons_draws_no_conclusion_from_other_outcomes(outcome):
    """Any other refusal, such as another 422, concerns its row only."""
    lessons = Lessons()

    lessons.note(_event(1), outcome)

    assert lessons.verdict(_event(2)) is None


def test_lessons_names_the_first_row(lessons):
    """A second 404 for the contact changes nothing."""
    lessons.note(_event(4, contact="ghost"), Outcome(row=4, status=Status.UNKNOWN_CONTACT, error_code="not_found"))

    assert lessons.verdict(_event(8, contact="ghost")).error_message.startswith("row 3 of the same contact")


def _note(lessons, status, times=1):
    """Note so many outcomes, and return the stop after the last."""
    return [lessons.note(_event(0), Outcome(row=0, status=status, attempts=1)) for _ in range(times)][-1]


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED, Status.UNKNOWN_CONTACT])
def test_lessons_stop_at_the_failure_that_is_one_too_many(status):
    """Eleven failures of 111 events are within a tenth; twelve of 112 are not."""
    lessons = Lessons(0.1)
    _note(lessons, Status.ACCEPTED, 100)

    assert _note(lessons, status, 11) is None
    stop = _note(lessons, status)

    assert stop.reason == "failure_rate"
    assert stop.message.startswith("12 of the 112 events sent were not accepted, which is more than ")


def test_lessons_stop_nothing_before_a_hundred_events():
    """Ninety-nine failures of ninety-nine events do not stop a run, as the rest may be better."""
    lessons = Lessons(0.1)

    assert _note(lessons, Status.REJECTED, 99) is None
    assert _note(lessons, Status.REJECTED).reason == "failure_rate"


def test_lessons_do_not_stop_a_run_for_what_is_accepted():
    """An accepted event does not stop a run."""
    lessons = Lessons(0.0)
    _note(lessons, Status.REJECTED, 50)

    assert _note(lessons, Status.ACCEPTED, 100) is None


def test_lessons_allow_any_number_of_failures_by_default():
    """Without a limit a run goes on."""
    assert _note(Lessons(), Status.REJECTED, 1_000) is None
