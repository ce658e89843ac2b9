"""The number of examples: few by default; the profile ``more`` has twice, and ``deep`` ten times as many."""

from hypothesis import settings

# Each module takes a share of the profile's examples: the more an example costs, the smaller the share.
settings.register_profile("more", max_examples=2 * settings.default.max_examples)
settings.register_profile("deep", max_examples=10 * settings.default.max_examples)
