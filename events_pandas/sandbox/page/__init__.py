"""The page of the sandbox: what a workspace received, for people to look at."""

from events_pandas.sandbox.page.page import Page

__all__ = ["Page"]
