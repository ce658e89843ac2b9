"""The page of the sandbox shows people what a workspace received."""

from events_pandas.sandbox.page.page import Page

__all__ = ["Page"]
