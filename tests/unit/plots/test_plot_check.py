"""`plot_check`: what is drawn of a report, legible for any rows and in the caller's style."""

import subprocess
import sys
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

import events_pandas as ep

PANELS = ["days", "duplicates", "metadata", "problems"]


def title(ax):
    return ax.get_title(loc="left")


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture
def check():
    """Return a function that checks rows of a contact each, at some times and with some metadata."""

    def check(times, *, contacts=None, **metadata):
        contacts = [f"{n:05d}" for n in range(len(times))] if contacts is None else contacts
        rows = pd.DataFrame({"who": contacts, **metadata}, dtype="string")
        rows["at"] = np.array(times, "datetime64[s]")
        mapping = ep.EventMapping(
            event_name="placed-order",
            created_at="at",
            user_id="who",
            metadata={key: ep.Text(key) for key in metadata},
            timezone="UTC",
            metadata_overflow="drop",
        )
        return ep.check_events(rows, mapping)

    return check


@pytest.fixture
def report(check):
    """Six rows: two duplicates, one without a time, and a key that is often empty."""
    times = ["2024-01-30", "2024-01-30", "2024-01-30", "2024-02-02T23:59:59", None, "2024-02-01"]
    return check(times, contacts=["a", "a", "a", "b", "c", "d"], plan=["x"] * 6, coupon=["x", *[None] * 5])


def test_plot_check_makes_a_figure_with_a_panel_for_each_kind(report):
    """Without an Axes there is a new figure of pyplot's, and its Axes come in the documented order."""
    axes = ep.plot_check(report)

    assert axes.shape == (4,)
    assert [title(ax) for ax in axes] == [
        "5 valid rows by day",
        "2 duplicates by day",
        "Valid rows with a value, by key",
        "Problems by code",
    ]
    assert plt.get_fignums() == [axes[0].figure.number]


def test_plot_check_draws_one_panel_in_a_figure_of_its_own(report):
    """With a kind alone, the new figure has one Axes, which is returned."""
    ax = ep.plot_check(report, kind="days")

    assert ax.figure.axes == [ax]


@pytest.mark.parametrize("kind", PANELS)
def test_plot_check_draws_on_the_callers_axes(report, ax, kind):
    """The Axes is the one that is returned, what it had stays, and no figure is made."""
    (line,) = ax.plot([0, 1], [0, 1])

    assert ep.plot_check(report, kind=kind, ax=ax) is ax
    assert line in ax.lines
    assert plt.get_fignums() == [ax.figure.number]


def test_plot_check_draws_valid_rows_by_day(report, ax, bars, ticks):
    """Each day has a bar of its valid rows; a day without any has none."""
    ep.plot_check(report, kind="days", ax=ax)

    assert bars(ax) == {"valid rows": [(0, 3), (2, 1), (3, 1)]}
    assert ticks(ax.xaxis) == {0: "30\nJan 2024", 1: "31", 2: "1\nFeb", 3: "2"}
    assert ax.get_xlabel() == "created_at, in UTC"


def test_plot_check_draws_duplicates_on_the_axis_of_all_days(report, ax, bars, ticks):
    """Duplicates stand at the days of the other panel, so that the two can be compared."""
    ep.plot_check(report, kind="duplicates", ax=ax)

    assert bars(ax) == {"duplicates": [(0, 2)]}
    assert ticks(ax.xaxis)[3] == "2"


def test_plot_check_draws_the_completeness_of_each_key(report, ax, bars, ticks):
    """Keys come in the order sent, the first on top, with their share of the valid rows."""
    ep.plot_check(report, kind="metadata", ax=ax)

    assert [length for _, length in bars(ax)["sent and kept"]] == [1.0, 0.2]
    assert ticks(ax.yaxis) == {0: "plan", 1: "coupon"}
    assert texts(ax) == ["100%", "20.0%"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_plot_check_rounds_no_share_to_all_or_none(check, ax):
    """A key that one row of many lacks is not complete."""
    ep.plot_check(check(["2024-01-30"] * 3_000, plan=["x", *[None] * 2_999]), kind="metadata", ax=ax)

    assert texts(ax) == ["0.1%"]


def test_plot_check_draws_what_intercom_ignores(check, ax, bars):
    """Values beyond the keys that Intercom keeps are apart, and the legend names them."""
    ep.plot_check(check(["2024-01-30"], **{f"key{n}": ["x"] for n in range(12)}), kind="metadata", ax=ax)

    drawn = bars(ax)
    assert [length for _, length in drawn["sent and kept"]] == [1.0] * 10 + [0.0] * 2
    assert [length for _, length in drawn["beyond the keys that Intercom keeps"]] == [0.0] * 10 + [1.0] * 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(drawn)


def test_plot_check_draws_the_rows_of_each_code(report, ax, bars, ticks, patches):
    """Errors come first, in the colour of errors, and each bar says how many rows it stands for."""
    ep.plot_check(report, kind="problems", ax=ax)

    drawn = bars(ax)
    assert list(ticks(ax.yaxis).values()) == ["created_at_missing", "duplicate_with_other_metadata"]
    assert [length for _, length in drawn["error: not sent"]] == [1, 0]
    assert [length for _, length in drawn["note"]] == [0, 2]
    assert texts(ax) == ["1 row", "2 rows"]
    assert to_hex(patches(ax)["error: not sent"].get_facecolor()) == "#d55e00"


def test_plot_check_counts_the_rows_of_a_code_in_one_field(check, ax):
    """A code has one bar, as long as the most rows that it has in one of its fields: never more than there are."""
    ep.plot_check(check(["2024-01-30"] * 2, plan=["a\0", "x"], coupon=["a\0", "b\0"]), kind="problems", ax=ax)

    assert texts(ax) == ["2 rows, 2 fields"]


def test_plot_check_draws_a_code_that_is_both_error_and_note(ax, bars, ticks):
    """Where bad metadata is left out, a code may make some rows invalid and not others: it has two bars."""
    rows = pd.DataFrame({"event": ["#REF!", "a"], "plan": ["#REF!", "#REF!"], "who": ["1", "2"], "at": "2024-01-31"})
    mapping = ep.EventMapping(
        event_name=ep.Column("event"),
        created_at="at",
        user_id="who",
        metadata={"plan": ep.Text("plan")},
        timezone="UTC",
        on_invalid_metadata="omit",
    )

    ep.plot_check(ep.check_events(rows, mapping), kind="problems", ax=ax)

    assert bars(ax) == {"error: not sent": [(0, 1), (1, 0)], "note": [(0, 0), (1, 2)]}
    assert list(ticks(ax.yaxis).values()) == ["sheet_error"] * 2


def test_plot_check_says_column_for_a_note_on_a_column(ax, make_orders, bars):
    """A note on a whole column has no number of rows, and no length."""
    orders = make_orders().assign(who=[7, 42, 43])
    mapping = ep.EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC")

    ep.plot_check(ep.check_events(orders, mapping), kind="problems", ax=ax)

    assert texts(ax) == ["the column"]
    assert bars(ax) == {"note": [(0, 0)]}


@pytest.mark.parametrize(
    ("kind", "times", "sentence"),
    [
        ("days", [], "there are no rows"),
        ("days", [None], "no row is valid"),
        ("duplicates", [], "there are no rows"),
        ("duplicates", ["2024-01-31"], "no duplicate among 1 valid row"),
        ("metadata", [], "the mapping has no metadata"),
        ("problems", ["2024-01-31"], "nothing was found"),
    ],
)
def test_plot_check_says_why_there_is_nothing_to_draw(check, ax, kind, times, sentence):
    """An empty panel is a title and a sentence, without an axis."""
    ep.plot_check(check(times), kind=kind, ax=ax)

    ax.figure.draw_without_rendering()
    assert texts(ax) == [sentence]
    assert (ax.get_xticks().tolist(), ax.get_yticks().tolist()) == ([], [])


def test_plot_check_without_valid_rows_has_no_shares(check, ax):
    """Where no row is valid, a key has no share."""
    ep.plot_check(check([None], plan=["x"]), kind="metadata", ax=ax)

    assert texts(ax) == ["no row is valid"]


@pytest.mark.parametrize(
    ("times", "unit"),
    [
        (["2024-02-29"], "day"),
        (["1970-01-01", "9999-12-31"], "century"),
        (["0001-01-02", "1969-12-31"], "century"),
        (pd.date_range("2004-05-01", periods=21, freq="YS").to_numpy("datetime64[s]"), "year"),
    ],
)
def test_plot_check_draws_any_dates(check, times, unit):
    """Dates that matplotlib's or pandas' own cannot hold are drawn, and their labels do not overlap."""
    days, *_ = ep.plot_check(check(times))

    days.figure.draw_without_rendering()
    assert title(days).endswith(f"by {unit}")
    boxes = [label.get_window_extent() for label in days.get_xticklabels() if label.get_text()]
    assert boxes
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_plot_check_labels_forty_keys_without_overlaps(check):
    """A figure grows with its keys, and long names are shortened in their middle."""
    keys = {f"a_key_with_a_name_that_does_not_end_{n}": ["x"] for n in range(40)}

    _, _, metadata, _ = ep.plot_check(check(["2024-01-31"], **keys))

    metadata.figure.draw_without_rendering()
    labels = metadata.get_yticklabels()
    boxes = [label.get_window_extent() for label in labels]
    assert len(labels) == 40
    assert {len(label.get_text()) for label in labels} == {30}
    assert labels[39].get_text().endswith("_end_39")
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert all(box.x0 >= 0 for box in boxes)


def test_plot_check_shows_one_row_beside_many(check, ax, bars):
    """A bar is at least a hundredth of the longest, and its label has the number."""
    days = ["2024-01-31"] * 1_001 + [None]
    ep.plot_check(check(days, contacts=["00042"] * 1_002), kind="problems", ax=ax)

    assert [width for _, width in bars(ax)["error: not sent"]] == [10, 0]
    assert texts(ax) == ["1 row", "1,000 rows"]


def test_plot_check_prints_no_count_over_another(check):
    """Counts of thousands below a plot stand beside each other."""
    plans = [f"plan {n}" for n in range(12_000)]
    *_, problems = ep.plot_check(check(["2024-01-31"] * 12_000, contacts=["00042"] * 12_000, plan=plans))

    problems.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in problems.get_xticklabels()]
    assert len(boxes) > 1
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_plot_check_shows_the_emptiest_keys_where_not_all_fit(check, ticks):
    """A small Axes has the keys with the fewest values, in the order sent, and its title counts all keys."""
    ax = plt.figure(figsize=(6, 2.5)).add_subplot()
    keys = {f"key{n}": ["x"] * (n + 1) + [None] * (39 - n) for n in range(39, -1, -1)}

    ep.plot_check(check(["2024-01-31"] * 40, **keys), kind="metadata", ax=ax)

    shown = list(ticks(ax.yaxis).values())
    assert shown == [f"key{n}" for n in range(len(shown) - 1, -1, -1)]
    assert title(ax).replace("\n", " ").endswith(f"the {len(shown)} emptiest of 40")


@pytest.mark.parametrize(("key", "label"), [("键größe", "?größe"), ("a\nb", "a\\nb"), ("tab\u200b", "tab\\u200b")])
def test_plot_check_labels_any_key(check, ax, ticks, key, label):
    """Characters that the fonts lack are question marks, and unseen ones are escapes: nothing warns."""
    ep.plot_check(check(["2024-01-31"], **{key: ["x"]}), kind="metadata", ax=ax)

    assert ticks(ax.yaxis) == {0: label}


def test_plot_check_takes_no_name_for_a_formula(ax):
    """Dollar signs in a label stay, and are not read as mathematics."""
    from events_pandas.plots.style import named_rows  # noqa: PLC0415  # A mapping refuses keys with a dollar sign.

    named_rows(ax, ["a$b_c$d"])

    ax.figure.draw_without_rendering()
    (label,) = ax.get_yticklabels()
    assert (label.get_text(), label.get_parse_math()) == ("a$b_c$d", False)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_plot_check_takes_text_and_background_from_the_style(report, patches, style):
    """No text and no background has a colour of our own, and hatches are drawn in that of the background."""
    with plt.style.context(style):
        axes = ep.plot_check(report)
        text, background = to_hex(plt.rcParams["text.color"]), to_hex(plt.rcParams["axes.facecolor"])

    assert {to_hex(written.get_color()) for ax in axes for written in ax.findobj(Text)} == {text}
    assert {to_hex(ax.get_facecolor()) for ax in axes} == {background}
    assert to_hex(patches(axes[1])["duplicates"].get_edgecolor()) == background


def test_plot_check_changes_no_setting(report):
    """Settings of matplotlib are as before, and nothing is shown."""
    before = dict(plt.rcParams)

    ep.plot_check(report)

    assert dict(plt.rcParams) == before


def test_plot_check_draws_a_million_rows(make_orders, mapping, bars):
    """Many rows are as many bars as their days: here one."""
    days, *_ = ep.plot_check(ep.check_events(make_orders(1_000_000), mapping))

    assert bars(days) == {"valid rows": [(0, 1_000_000)]}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"kind": "day"}, ValueError, "kind: there is no panel 'day': did you mean 'days'?"),
        (
            {"ax": "ax"},
            ValueError,
            "ax: an Axes has room for one panel: choose its kind, of 'days', 'duplicates', 'metadata', 'problems'",
        ),
        ({"kind": "days", "ax": np.array([1])}, TypeError, "ax: expected an Axes of matplotlib, got an ndarray"),
    ],
)
def test_plot_check_refuses_arguments(report, ax, call, error, message):
    """A wrong argument is named, with what it should be, before anything is drawn."""
    call = {name: ax if isinstance(value, str) and value == "ax" else value for name, value in call.items()}

    with pytest.raises(error) as caught:
        ep.plot_check(report, **call)

    assert str(caught.value) == message
    assert not ax.has_data()


def test_plot_check_refuses_what_is_not_a_report():
    """Rows have to be checked first."""
    with pytest.raises(TypeError) as caught:
        ep.plot_check(pd.DataFrame())

    assert str(caught.value) == "report: expected a CheckReport, got a DataFrame: give what check_events returned"


def test_plot_check_needs_no_pyplot_for_an_axes():
    """A figure that is not pyplot's, as in a report, chooses no backend."""
    program = """
import sys, pandas as pd, events_pandas as ep
from matplotlib.figure import Figure
rows = pd.DataFrame({"who": ["1"], "at": ["2024-01-31"]})
report = ep.check_events(rows, ep.EventMapping(event_name="a", created_at="at", user_id="who"))
for kind in ("days", "duplicates", "metadata", "problems"):
    figure = Figure()
    ep.plot_check(report, kind=kind, ax=figure.add_subplot())
    figure.draw_without_rendering()
print("matplotlib.pyplot" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)

    assert ended.stdout == "False\n"


def test_missing_matplotlib_is_named_with_its_cure(report, monkeypatch):
    """Without the extra, a plot says which one to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ImportError) as caught:
        ep.plot_check(report)

    assert str(caught.value) == 'plots need an extra: pip install "events-pandas[plot]"'
