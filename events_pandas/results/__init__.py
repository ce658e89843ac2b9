"""What a user gets back: the results frame, its summary, contacts to create, reports of checks and verifications."""

from events_pandas.results.check_report import CheckReport
from events_pandas.results.contacts import unknown_contacts
from events_pandas.results.frame import STATUS_DTYPE, RowOutcomes, RunStatuses
from events_pandas.results.preview import Preview
from events_pandas.results.summary import Summary
from events_pandas.results.verification import Verification

__all__ = [
    "STATUS_DTYPE",
    "CheckReport",
    "Preview",
    "RowOutcomes",
    "RunStatuses",
    "Summary",
    "Verification",
    "unknown_contacts",
]
