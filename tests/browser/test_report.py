"""A report file in a browser: it loads nothing, is legible in both colour schemes, and prints."""

import re
from itertools import pairwise

import pandas as pd
import pytest

import events_pandas as ep

pytestmark = pytest.mark.browser

SCHEMES = ("light", "dark")
WIDTHS = (900, 1400)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The report of a check, results and a verification."""
    n_rows = 300
    orders = pd.DataFrame(
        {
            "day": [f"2024-{1 + row % 12:02}-{1 + row % 28:02}" for row in range(n_rows)],
            "who": [f"{row // 2:05}" for row in range(n_rows)],
            "total": [0.0, *[19.99] * (n_rows - 1)],
            "cut": ["x" * 300, *["x"] * (n_rows - 1)],
        }
    )
    orders.loc[7, "day"] = None
    orders.loc[9] = orders.loc[8]
    mapping = ep.EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={
            "price": ep.MonetaryAmount("total", currency=ep.Constant("eur")),
            "comment": ep.Text("cut", truncate=True),
            **{f"key_{number}": ep.Constant("a") for number in range(14)},
        },
        metadata_limit=20,
    )
    path = tmp_path_factory.mktemp("report") / "run.html"
    with ep.Sandbox(limit=None, unknown_contacts=["00003"]) as sandbox:
        client = sandbox.client()
        results = ep.submit_events(orders, mapping, client=client, progress=False)
        verification = ep.verify(results, orders, mapping, client=client, settle_seconds=0, progress=False)
    ep.write_report([ep.check_events(orders, mapping), results, verification], path)
    return path


@pytest.fixture
def open_report(chromium, path):
    """Open the report; anything that it loads, or says to the console, fails the test."""
    faults, requests, contexts = [], [], []

    def open_report(scheme="light", width=1400):
        contexts.append(chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert faults == []
    assert set(requests) == {path.as_uri()}


def _contrast(first, second):
    """Return the contrast of two colours, as WCAG 2 defines it."""

    def luminance(color):
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _colors(page, selector, name):
    return set(page.eval_on_selector_all(selector, f"all => all.map(each => getComputedStyle(each).{name})"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_report_is_legible_in_both_schemes(open_report, scheme):
    """Text, also that of plots, has a contrast of 7 to its background; the colours of severities have 3."""
    page = open_report(scheme)

    (background,) = _colors(page, "body", "backgroundColor")
    texts = _colors(page, "p, td, th, h1, h2, h3, caption, svg text", "color") | _colors(page, "svg text", "fill")
    badges = _colors(page, "td span, p span", "borderLeftColor")
    assert len(badges) == 2
    assert min(_contrast(color, background) for color in texts) >= 7
    assert min(_contrast(color, background) for color in badges) >= 3


@pytest.mark.parametrize("width", WIDTHS)
def test_report_fits_its_window(open_report, width):
    """Nothing is beyond the edge."""
    page = open_report(width=width)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.eval_on_selector_all("section", "all => all.filter(each => each.scrollWidth > each.clientWidth)") == []


def test_report_has_room_for_sentences_on_paper(open_report):
    """The columns of sentences are at least as wide as half a dozen words, since the names beside them break."""
    page = open_report(width=680)
    page.emulate_media(media="print")

    widths = page.eval_on_selector_all(
        "td:last-child", "all => all.map(each => [each.closest('table').caption?.textContent, each.clientWidth])"
    )
    assert min(width for caption, width in widths if caption == "problems") > 200
    assert page.eval_on_selector_all("wbr", "all => all.length") > 0


def test_report_draws_its_plots(open_report):
    """Each plot has a size, bars and an accessible name."""
    page = open_report()

    boxes = page.eval_on_selector_all("svg", "all => all.map(each => each.getBoundingClientRect().height)")
    assert len(boxes) == 6
    assert min(boxes) > 200
    assert page.get_by_role("img", name="298 valid rows by month").count() == 1


def test_report_reads_well_to_a_screen_reader(open_report):
    """Every table has a caption, but the list of facts, and every head cell says what it is for."""
    page = open_report()

    assert page.eval_on_selector_all("th:not([scope])", "all => all.length") == 0
    captions = page.eval_on_selector_all("table", "all => all.map(each => each.caption?.textContent ?? '')")
    assert captions.count("") == 1
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(each => Number(each.tagName[1]))")
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_report_prints_black_on_white(open_report, scheme):
    """On paper the scheme of the screen does not matter, and nothing is cut."""
    page = open_report(scheme, width=700)
    page.emulate_media(media="print")

    assert _colors(page, "body", "backgroundColor") == {"rgb(255, 255, 255)"}
    assert _colors(page, "p, td, th, h1, h2, svg text", "color") == {"rgb(0, 0, 0)"}
    assert _colors(page, "tr, figure", "breakInside") == {"avoid"}
    assert _colors(page, "section", "overflowX") == {"visible"}
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.pdf(format="A4").startswith(b"%PDF")
