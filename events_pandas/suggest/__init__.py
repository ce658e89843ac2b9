"""A first mapping proposed for a frame, with the reason for each choice."""

from events_pandas.suggest.suggestion import SuggestedMapping, propose

__all__ = ["SuggestedMapping", "propose"]
