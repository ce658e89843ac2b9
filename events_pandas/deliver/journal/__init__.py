"""The journal: which events Intercom has accepted, in a file that outlives the process, and the history of the runs."""

from events_pandas.deliver.journal.journal import Journal
from events_pandas.deliver.journal.opening import mode_note
from events_pandas.deliver.journal.places import AUTO, DIRECTORY_VARIABLE, journal_path, journals_there
from events_pandas.deliver.journal.processes import OtherRun
from events_pandas.deliver.journal.reading import RunEntry, read_runs
from events_pandas.deliver.journal.tables import Fingerprint, OtherAcceptance, RunFacts
from events_pandas.deliver.journal.writer import JournalWriter, Written

__all__ = [
    "AUTO",
    "DIRECTORY_VARIABLE",
    "Fingerprint",
    "Journal",
    "JournalWriter",
    "OtherAcceptance",
    "OtherRun",
    "RunEntry",
    "RunFacts",
    "Written",
    "journal_path",
    "journals_there",
    "mode_note",
    "read_runs",
]
