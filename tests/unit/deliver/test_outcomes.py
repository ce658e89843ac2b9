"""The words of delivery."""

from events_pandas.deliver.outcomes import Outcome, Status


def test_status_keeps_the_order_in_which_results_show_it():
    """The statuses stand in the order of the results' categories."""
    assert list(Status) == [
        "accepted",
        "already_submitted",
        "duplicate",
        "invalid",
        "unknown_contact",
        "rejected",
        "failed",
        "not_submitted",
    ]


def test_outcome_says_nothing_of_a_request_by_default():
    """An outcome without a request has no attempts, no HTTP status and no time."""
    outcome = Outcome(row=7, status=Status.NOT_SUBMITTED)

    assert (outcome.attempts, outcome.http_status, outcome.submitted_at) == (0, None, None)
