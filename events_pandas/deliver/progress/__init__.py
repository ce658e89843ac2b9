"""What a person sees while rows are checked or submitted: a bar, lines, the work of a callable, or nothing."""

from events_pandas.deliver.progress.displays import is_notebook, show_in_notebook
from events_pandas.deliver.progress.meter import ProgressBar, ProgressChoice, progress_bar
from events_pandas.deliver.progress.tally import Progress

__all__ = ["Progress", "ProgressBar", "ProgressChoice", "is_notebook", "progress_bar", "show_in_notebook"]
