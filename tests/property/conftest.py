"""The number of examples: few by default; the profile ``more`` has six times, and ``deep`` thirty times as many."""

from hypothesis import settings

# Each module takes a share of the profile's examples: the more an example costs, the smaller the share.
settings.register_profile("few", max_examples=settings.default.max_examples // 3)
settings.register_profile("more", max_examples=2 * settings.default.max_examples)
settings.register_profile("deep", max_examples=10 * settings.default.max_examples)
# A profile of the command line is loaded later than this file, where tests/property is named.
settings.load_profile("few")
