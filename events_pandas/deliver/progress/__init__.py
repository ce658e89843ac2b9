"""What a person sees while rows are checked or submitted: a bar, lines, what a callable makes of it, or nothing."""

from events_pandas.deliver.progress.facts import Progress
from events_pandas.deliver.progress.opening import ProgressBar, ProgressChoice, progress_bar

__all__ = ["Progress", "ProgressBar", "ProgressChoice", "progress_bar"]
