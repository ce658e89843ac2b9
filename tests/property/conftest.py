"""How many examples are tried: few by default, and ten times as many with ``--hypothesis-profile deep``."""

from hypothesis import settings

# Each module takes a part of the profile's examples, by what one of them costs.
settings.register_profile("deep", max_examples=10 * settings.default.max_examples)
