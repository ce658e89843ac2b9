"""How many examples are tried: few by default; the profile ``more`` has twice, and ``deep`` ten times as many."""

from hypothesis import settings

# Each module takes a part of the profile's examples, by what one of them costs.
settings.register_profile("more", max_examples=2 * settings.default.max_examples)
settings.register_profile("deep", max_examples=10 * settings.default.max_examples)
