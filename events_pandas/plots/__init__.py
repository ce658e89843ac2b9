"""Reports and results as pictures, drawn with matplotlib, which is an extra."""

from events_pandas.plots.plotting import plot_check, plot_results

__all__ = ["plot_check", "plot_results"]
