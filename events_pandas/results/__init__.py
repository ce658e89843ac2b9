"""What a user gets back: results, their summary and causes, contacts to create, reports of checks and verifications."""

from events_pandas.results.check_report import CheckReport
from events_pandas.results.contacts import unknown_contacts
from events_pandas.results.explanation import explain
from events_pandas.results.frame import STATUS_DTYPE, RowOutcomes, RunStatuses
from events_pandas.results.preview import Preview
from events_pandas.results.results_files import read_results
from events_pandas.results.results_summary import ResultsSummary, summarize
from events_pandas.results.summary import Summary
from events_pandas.results.verification import Verification

__all__ = [
    "STATUS_DTYPE",
    "CheckReport",
    "Preview",
    "ResultsSummary",
    "RowOutcomes",
    "RunStatuses",
    "Summary",
    "Verification",
    "explain",
    "read_results",
    "summarize",
    "unknown_contacts",
]
