"""The number of examples: few by default, and ten times as many with ``--hypothesis-profile deep``."""

from hypothesis import settings

# Each module takes a share of the profile's examples: the more an example costs, the smaller the share.
settings.register_profile("deep", max_examples=10 * settings.default.max_examples)
