"""One HTML file of checks, results and verifications, to hand on and to print."""

from events_pandas.reports.writing import write_report

__all__ = ["write_report"]
