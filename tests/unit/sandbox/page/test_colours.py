"""The colours of the page have enough contrast, in light and in dark."""

import re
from importlib.resources import files

import pytest

CSS = files("events_pandas.sandbox.page").joinpath("static", "page.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
)
GROUNDS = ("paper", "surface", "sunken", "tint")
# WCAG 2.2: 4.5 for text (1.4.3), 3 for shapes (1.4.11).
TEXTS = ("ink", "muted", "accent", "kept", "duplicate", "refused", "failed")
SHAPES = ("edge", "accent", "series-0", "series-1", "series-2", "series-3", "series-4", "series-x")


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_guidelines() -> None:
    """The measure is right: black on white has 21, and this grey just fails."""
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_can_be_read(colours, ground) -> None:
    """Every colour of text has enough contrast with every background."""
    ratios = {text: round(contrast(colours[text], colours[ground]), 2) for text in TEXTS}

    assert {text: ratio for text, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_on_the_accent_can_be_read(colours) -> None:
    """The text of the main button has enough contrast with the button."""
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_shapes_can_be_seen(colours) -> None:
    """Bars, borders of fields and the focus ring have enough contrast with the page and with cards."""
    ratios = {
        (shape, ground): round(contrast(colours[shape], colours[ground]), 2)
        for shape in SHAPES
        for ground in ("paper", "surface")
    }

    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 3} == {}


def test_dark_has_every_colour_that_light_has() -> None:
    """Light and dark name the same colours."""
    assert LIGHT.keys() == DARK.keys()


def test_colours_are_named_in_one_place() -> None:
    """The rules of the style sheet use colours by name."""
    rules = CSS[CSS.index("*, *::before") :]

    assert re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(", rules) == []
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", rules)) <= LIGHT.keys()
