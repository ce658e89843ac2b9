"""A first mapping proposed for a frame, with the reason for each choice."""

from events_pandas.suggest.suggestion import SuggestedMapping, propose
from events_pandas.suggest.trial import tried

__all__ = ["SuggestedMapping", "propose", "tried"]
