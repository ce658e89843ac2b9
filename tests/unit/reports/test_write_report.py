"""One HTML file of checks, results and verifications: what it says and hides, its size, and its place."""

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import events_pandas as ep
from events_pandas.reports.pictures import MISSING

MOST_BYTES = 300_000


class Reader(HTMLParser):
    """Reads a page: its headings, captions and text; every element must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.headings, self.captions, self.texts, self._open = [], [], [], [], []
        # A line may break there.
        self.feed(text.replace("<wbr>", ""))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if not data.strip():
            return
        if re.fullmatch("h[1-6]", self._open[-1]):
            self.headings.append((self._open[-1], data))
        if self._open[-1] == "caption":
            self.captions.append(data)
        if "style" not in self._open:
            self.texts.append(data)


@pytest.fixture
def orders():
    """Six rows: one has an amount of zero, one an unreadable time, one an unknown contact, two are one event."""
    return pd.DataFrame(
        {
            "day": ["2024-01-31", "2024-01-31", "2024-02-30", "2024-02-01", "2024-02-02", "2024-02-03"],
            "who": [
                "ada@example.org",
                "ada@example.org",
                "bob@example.org",
                "eve@example.org",
                "eve@example.org",
                "kim",
            ],
            "total": [1.5, 2.5, 3.5, 0, 5, 6],
        },
        index=["label-a", "label-b", "label-c", "label-d", "label-e", "label-f"],
    )


@pytest.fixture
def mapping():
    """Purchases with a price."""
    price = ep.MonetaryAmount("total", currency=ep.Constant("eur"))
    return ep.EventMapping(
        event_name="placed-order", created_at="day", user_id="who", metadata={"price": price}, timezone="UTC"
    )


@pytest.fixture
def results(orders, mapping):
    """The results of submitting the orders to a sandbox that does not know kim."""
    with ep.Sandbox(unknown_contacts=["kim"]) as sandbox:
        return ep.submit_events(orders, mapping, client=sandbox.client(), progress=False)


@pytest.fixture
def written(tmp_path):
    """Write a report, and return its text."""

    def write(content, **options):
        ep.write_report(content, tmp_path / "run.html", **options)
        return (tmp_path / "run.html").read_text(encoding="utf-8")

    return write


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the plots, which take most of the time, where a test is about words and files."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def test_report_has_a_section_for_each_content(orders, mapping, results, written):
    """Headings are in order, below the title."""
    reader = Reader(written([ep.check_events(orders, mapping), results], title="Orders & more"))

    assert reader.headings == [
        ("h1", "Orders & more"),
        ("h2", "Check"),
        ("h3", "Plots"),
        ("h2", "Results"),
        ("h3", "Plots"),
    ]
    assert ("html", {"lang": "en"}) in reader.elements
    assert reader.captions == [
        "problems",
        "metadata of 'placed-order'",
        "statuses",
        "what to do next",
        "causes",
        "facts of the run",
    ]


@pytest.mark.usefixtures("undrawn")
def test_report_tells_of_results_what_summary_and_causes_say(results, written):
    """Statuses, next steps, causes and the facts of the run are there."""
    texts = Reader(written(results)).texts

    assert texts[texts.index("statuses") - 1] == "6 rows"
    assert texts[texts.index("what to do next") + 1 :][:3] == [
        *("2", "invalid", "fix these rows, as the causes below say"),
    ]
    place = texts.index("metadata.price.amount: a value is not above zero, and Intercom accepts only positive amounts")
    assert texts[place + 1 :][:4] == ["invalid", "1", "16.7%", "row 3"]
    assert {"workspace", "started", "took", "requests", "limit", "journal"} <= set(texts)
    assert "1,666 in ten seconds" in texts


@pytest.mark.usefixtures("undrawn")
def test_report_is_for_readers_without_python(results, written):
    """What to do is in words, and there is no column for request ids if no row was sent."""
    text = written(results)
    unsent = Reader(written(results[results["status"] == "invalid"])).texts

    assert "create these contacts in Intercom, or fix the identifiers" in text
    assert "ep." not in text
    assert ("request ids" in text, "request ids" in unsent) == (True, False)


def test_report_draws_check_and_results(orders, mapping, results, written):
    """Each plot is an image with a name, and its text is text."""
    reader = Reader(written([ep.check_events(orders, mapping), results]))

    pictures = [attributes for tag, attributes in reader.elements if tag == "svg"]
    assert [picture["aria-label"] for picture in pictures] == [
        "4 valid rows by day",
        "1 duplicate by day",
        "Valid rows with a value, by key",
        "Problems by code",
        "3 rows answered, per second",
        "Statuses of 5 rows by day of created_at",
    ]
    assert {picture["role"] for picture in pictures} == {"img"}
    assert "created_at, in UTC" in reader.texts


def test_report_has_no_plot_where_nothing_is_to_be_drawn(orders, mapping, written):
    """Without duplicates their plot is left out: the first line counts them."""
    text = written(ep.check_events(orders.iloc[[0, 4]], mapping))

    assert "2 rows: 2 valid, 0 invalid, 0 duplicates" in text
    assert re.findall('<svg aria-label="([^"]*)"', text) == ["2 valid rows by day", "Valid rows with a value, by key"]


def test_report_tells_of_a_verification(orders, mapping, results, written):
    """A verification has no plots."""
    with ep.Sandbox() as sandbox:
        results = ep.submit_events(orders, mapping, client=sandbox.client(), progress=False)
        verification = ep.verify(results, orders, mapping, client=sandbox.client(), settle_seconds=0, progress=False)

    reader = Reader(written(verification))

    assert reader.headings == [("h1", "Report on events for Intercom"), ("h2", "Verification")]
    assert "3 of 3 accepted events drawn at random, of 3 contacts" in reader.texts


@pytest.mark.usefixtures("undrawn")
def test_report_tells_the_cure_that_fits_the_mapping(written):
    """What a report advises is what the run's messages advise: an amount is written with the sign of its column."""
    orders = pd.DataFrame({"day": ["2024-01-31"], "who": ["1"], "fee": ["kostenlos"]})
    fee = ep.MonetaryAmount("fee", currency=ep.Constant("eur"), decimal=",")
    mapping = ep.EventMapping(event_name="paid", created_at="day", user_id="who", metadata={"fee": fee}, timezone="UTC")
    with ep.Sandbox() as sandbox:
        results = ep.submit_events(orders, mapping, client=sandbox.client(), progress=False)

    reader = Reader(written([ep.check_events(orders, mapping), results]))

    advice = [text.rpartition(": ")[2] for text in reader.texts if "write it as" in text]
    assert advice == ["write it as 349,99, without symbols"] * 2


def test_report_shows_no_personal_data(orders, mapping, results, written):
    """Neither cells nor labels nor identifiers are shown, nor the folder of the journal."""
    text = written([ep.check_events(orders, mapping), results])

    journal = Path(results.attrs["run"]["journal"])
    for personal in ("example.org", "label-", "2024-02-30", str(journal.parent)):
        assert personal not in text
    assert journal.name in text


def test_report_hides_addresses_wherever_they_stand(orders, mapping, results, written):
    """Intercom's messages, event names and names of files may hold them, and a home folder has the name of a person."""
    mapping = replace(mapping, event_name=ep.Column("who"))
    results.loc["label-a", ["status", "error_code", "error_message"]] = [
        "rejected",
        "conflict",
        "Intercom refused the event (409 Conflict: several contacts are ada@example.org): fix it",
    ]
    results = results.assign(source_file="/home/ada/for bob@example.org.csv", line=7)

    text = written([ep.check_events(orders, mapping), results])
    shown = written([ep.check_events(orders, mapping), results], include_examples=True)

    assert "example.org" not in text
    assert "/home/ada" not in text
    assert "(~/for (address) line 7)" in text
    assert "several contacts are (address)" in text
    assert "several contacts are ada@example.org" in shown


def test_report_shows_what_acts_on_a_terminal_as_escapes(orders, mapping, results, written):
    """Also the title, metadata keys and a message of a server."""
    hostile = "\u202ea\x1b[2J"
    mapping = replace(mapping, metadata={hostile: "who"})

    results.loc["label-a", ["status", "error_code", "error_message"]] = ["rejected", "odd", f"{hostile}: no"]

    text = written([ep.check_events(orders, mapping), results], title=hostile)

    svgs = "".join(re.findall("<svg.*?</svg>", text))
    assert hostile not in text.replace(svgs, "")
    assert "<h1>\\u202ea\\u001b[2J</h1>" in text


def test_report_shows_cells_and_labels_on_request(orders, mapping, results, written):
    """With include_examples the cell and the label are there, and still no identifier."""
    text = written([ep.check_events(orders, mapping), results], include_examples=True)

    assert "example.org" not in text
    assert text.count("&#x27;2024-02-30&#x27;") == 2
    assert text.count("row 2 (&#x27;label-c&#x27;)") == 2


@pytest.mark.usefixtures("undrawn")
def test_report_hides_the_cells_of_notes(orders, mapping, written):
    """A note of a run may show a cell, and so may the evidence for the encoding of a file."""
    orders["day"] = "1997-01-31"
    mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who")
    with ep.Sandbox() as sandbox:
        results = ep.submit_events(orders, mapping, client=sandbox.client(), progress=False)

    text = written([ep.check_events(orders, mapping), results])

    assert "1997-01-31" not in text.replace("1997-01-31 00:00:00 UTC", "")
    assert " before_2000: all 6 rows, such as row 0: created_at: a value is before the year 2000: " in text


@pytest.mark.usefixtures("undrawn")
def test_report_of_some_rows_reads_them_as_a_summary_does(results, written):
    """Notes are on all rows of the run, and a new index is not the caller's."""
    some = results.iloc[2:].reset_index(drop=True)
    note = {"code": "naive_time", "field": "created_at", "severity": "note", "rows": 6, "first_row": 0, "message": "x"}
    some.attrs["run"] = {**some.attrs["run"], "notes": [note]}

    text = written(some, include_examples=True)

    assert "notes on all 6 rows of the run, not only on these:" in text
    assert "row 2: created_at" in text


def test_report_of_a_file_hides_its_evidence_for_the_encoding(tmp_path, written):
    """The evidence quotes a word of the file."""
    (tmp_path / "a.csv").write_bytes("who;day\n1;2024-01-31\nM\xfcller;2024-01-31\n".encode("cp1252"))
    mapping = ep.EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC")
    report = ep.check_file(tmp_path / "a.csv", mapping)

    assert "Müller" in str(report)
    assert "ller" not in written(report).replace("smaller", "").replace("callable", "")


def test_report_hides_an_address_in_the_name_of_a_file(tmp_path, written):
    """A file that is named after a person is the field of a note, the place of a row, and in a warning."""
    path = tmp_path / "lovelace_b@example.org.csv"
    path.write_text("who;day\n1;never\n", encoding="utf-8")
    (tmp_path / "bob@example.org.csv").write_text("who;day\n", encoding="utf-8")
    mapping = ep.EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC")

    text = written(ep.check_file([path, tmp_path / "bob@example.org.csv"], mapping))

    assert [name for name in ("lovelace", "bob", "example.org", "example.<wbr>org") if name in text] == []
    assert "file (address)" in text


def test_report_hides_what_the_reason_for_leaving_a_file_out_quotes(tmp_path, written):
    """It may be a word of the file, or its first row if it has no names of columns."""
    (tmp_path / "a.csv").write_text("who,day\n1,2024-01-31\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("Lovelace,1815-12-10\n", encoding="utf-8")
    mapping = ep.EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC")
    report = ep.check_file([tmp_path / "a.csv", tmp_path / "b.csv"], mapping, skip_bad_files=True)

    text = written(report)

    assert "b.csv: was left out: created_at: no column ...</p>" in text
    assert "Lovelace" not in text
    assert "Lovelace" in written(report, include_examples=True)


@pytest.mark.usefixtures("undrawn")
def test_report_names_no_row_for_a_note_on_a_file(tmp_path, written):
    """What a file as a whole is like is not a fact of its first row."""
    (tmp_path / "a.csv").write_text("who;day\n00042;2024-01-31\n", encoding="utf-8")
    mapping = ep.EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC")
    with ep.Sandbox() as sandbox, sandbox.client() as client:
        results = ep.submit_file(tmp_path / "a.csv", mapping, client=client, journal=None, progress=False)

    assert " delimiter_detected: file a.csv: ';' separates the cells" in " ".join(Reader(written(results)).texts)


def test_report_loads_nothing_and_has_no_script(orders, mapping, results, written):
    """Every address is the name of an SVG namespace or a part of the page."""
    text = written([ep.check_events(orders, mapping), results])

    assert "<script" not in text
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    assert set(re.findall(r"(?:href|src)=\"([^#\"]+)", text)) == set()
    assert not re.search(r"\son[a-z]+=", text)


def test_report_keeps_hostile_text_as_text(orders, mapping, written):
    """Titles, event names and metadata keys are escaped, in the plots, too."""
    hostile = "<img src=x onerror=alert(1)>"
    mapping = ep.EventMapping(
        event_name=ep.Constant(hostile), created_at="day", user_id="who", metadata={hostile: "who"}, timezone="UTC"
    )

    reader = Reader(written(ep.check_events(orders, mapping), title=hostile))

    assert "img" not in {tag for tag, _ in reader.elements}
    assert ("h1", hostile) in reader.headings


def test_report_leaves_the_callers_style_alone(results, written):
    """Plots have a look of their own, and no figure stays open."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    with plt.style.context("dark_background"):
        before = dict(plt.rcParams)
        svg = "".join(re.findall("<svg.*?</svg>", written(results)))

        assert dict(plt.rcParams) == before
        assert plt.get_fignums() == []
    assert "currentColor" in svg
    assert "#000000" not in svg


def _worst_check():
    """Forty keys with long names, sixty-two event names and twenty years, with many kinds of problems."""
    n_rows = 8_000
    rng = np.random.default_rng(0)
    days = np.datetime64("2000-01-01") + rng.integers(0, 20 * 365, n_rows)
    odd = np.array(["x\0", "x" * 300, "a\u200bb", " x ", "ok"], object)
    columns = {f"{'a very long metadata key ' * 4}{key}": odd[rng.integers(0, 5, n_rows)] for key in range(40)}
    frame = pd.DataFrame(
        {
            "name": [f"{'event-name-' * 8}{number % 62}" for number in range(n_rows)],
            "day": days.astype(str),
            "who": rng.integers(0, 500, n_rows).astype(str),
            **columns,
        },
        index=[f"{'label ' * 40}{number}" for number in range(n_rows)],
    )
    mapping = ep.EventMapping(
        event_name=ep.Column("name"),
        created_at="day",
        user_id="who",
        metadata={key: ep.Text(key) for key in columns},
        metadata_limit=40,
        on_invalid_metadata="omit",
    )
    return ep.check_events(frame, mapping)


def _worst_results(n_rows=60_000):
    """A thousand causes, each with a long message, all statuses, in all months of twenty years and all seconds."""
    number = np.arange(n_rows)
    statuses = np.array(
        ["accepted", "already_submitted", "duplicate", "invalid", "unknown_contact", "rejected"], object
    )
    status = np.append(statuses, ["failed", "not_submitted"])[(number * 7919) % 8]
    start = np.datetime64("2004-01-01T00:00:00")
    return pd.DataFrame(
        {
            "row": number,
            "status": status,
            "error_code": [f"{'code_' * 10}{place % 1_000}" for place in number],
            "error_message": [
                f"{'A long message of a proxy, for case ' * 30}{place % 1_000}: fix it" for place in number
            ],
            "request_id": [f"{place:036}" for place in number],
            "created_at": pd.to_datetime(start + (number * 10_000).astype("timedelta64[s]"), utc=True),
            "submitted_at": pd.to_datetime(start + (number % 120).astype("timedelta64[s]"), utc=True),
        }
    )


def test_report_stays_below_its_limit_in_the_worst_case(tmp_path):
    """A check and results with everything at once are less than 300 kB, and say what is left out."""
    ep.write_report([_worst_check(), _worst_results()], tmp_path / "run.html", include_examples=True)

    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert len(text.encode()) <= MOST_BYTES
    assert "20 more keys and 61 more event names: see <code>report.metadata</code>" in text
    assert re.search(r"more causes \([0-9,]+ rows\) left out<", text)
    assert text.count("<svg ") == 5


@pytest.mark.slow
def test_report_leaves_out_plots_that_do_not_fit(tmp_path):
    """The largest plots are left out first, and the file names them."""
    ep.write_report([_worst_results(1_000)] * 3, tmp_path / "run.html")

    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    left_out = text.count(": this plot is left out, since the file would be too large.")
    assert len(text.encode()) <= MOST_BYTES
    assert 0 < left_out < 6
    assert text.count("<svg ") == 6 - left_out


@pytest.mark.slow
def test_report_refuses_more_than_a_file_can_hold(tmp_path):
    """Without plots it is still too large: nothing is written."""
    untimed = _worst_results(80).assign(created_at=pd.NaT, submitted_at=pd.NaT)

    with pytest.raises(
        ValueError, match=r"^a report of [0-9,]+ bytes is larger than 300,000: write fewer checks and"
    ) as caught:
        # Only the first has plots: each takes a second.
        ep.write_report([_worst_results(80), *[untimed] * 11], tmp_path / "run.html")

    assert str(caught.value).endswith("write fewer checks and results into it")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("undrawn")
def test_report_without_matplotlib_says_how_to_get_plots(results, written):
    """All else is there."""
    reader = Reader(written(results))

    assert MISSING == 'There are no plots, since matplotlib is missing: pip install "events-pandas[plot]" brings it.'
    assert reader.texts.count(MISSING) == 1
    assert ("h3", "Plots") not in reader.headings


@pytest.mark.usefixtures("undrawn")
def test_report_takes_results_from_a_file(results, tmp_path, written):
    """They have no facts of the run."""
    results.to_csv(tmp_path / "results.csv", index=False)

    reader = Reader(written(pd.read_csv(tmp_path / "results.csv"), include_examples=True))

    assert reader.captions == ["statuses", "what to do next", "causes"]


@pytest.mark.usefixtures("undrawn")
def test_report_is_replaced_by_a_later_one(results, tmp_path, written):
    """The file has the new text, and nothing else is in the folder."""
    written(results, title="first")

    assert "<title>second</title>" in written(results, title="second")
    assert [path.name for path in tmp_path.iterdir()] == ["run.html"]


def test_report_replaces_no_other_file(results, tmp_path):
    """A page of somebody else's stays."""
    (tmp_path / "run.html").write_text("<!DOCTYPE html>\n<p>mine</p>")

    with pytest.raises(ep.SourceError) as caught:
        ep.write_report(results, tmp_path / "run.html")

    assert str(caught.value) == (
        f"{tmp_path / 'run.html'}: is another file than a report, and is not replaced: choose another name"
    )
    assert (tmp_path / "run.html").read_text() == "<!DOCTYPE html>\n<p>mine</p>"


@pytest.mark.usefixtures("undrawn")
def test_report_replaces_a_link_and_not_its_file(results, tmp_path):
    """As results do."""
    ep.write_report(results, tmp_path / "first.html")
    before = (tmp_path / "first.html").read_text(encoding="utf-8")
    (tmp_path / "run.html").symlink_to("first.html")

    ep.write_report(results, tmp_path / "run.html", title="second")

    assert not (tmp_path / "run.html").is_symlink()
    assert (tmp_path / "first.html").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("name", ["run.pdf", "run", "run.html.txt"])
def test_report_is_refused_under_another_ending(results, tmp_path, name):
    """A program that opens files by their endings would not show it."""
    with pytest.raises(ep.SourceError) as caught:
        ep.write_report(results, tmp_path / name)

    said = "a report is an HTML file: let its name end in .html (a browser prints it to PDF)"
    assert str(caught.value) == f"{tmp_path / name}: {said}"
    assert list(tmp_path.iterdir()) == []


def test_report_needs_its_folder(results, tmp_path):
    """The error names it."""
    path = tmp_path / "none" / "run.html"

    with pytest.raises(ep.SourceError) as caught:
        ep.write_report(results, path)

    assert str(caught.value) == (
        f"{path}: a report cannot be written there: there is no folder '{path.parent}': make it first"
    )


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (7, TypeError, "content: expected a CheckReport, results or a Verification, got an int"),
        ("run.csv", TypeError, "content: expected a CheckReport, results or a Verification, got a str"),
        ([7], TypeError, "content: expected a CheckReport, results or a Verification, got an int"),
        ([], ValueError, "content: there is nothing to report: give a check, results or a verification"),
        (pd.DataFrame({"row": [1]}), ValueError, "results: no column 'status': give what submitting returned"),
    ],
)
def test_report_refuses_other_content(tmp_path, content, error, message):
    """Nothing is written."""
    with pytest.raises(error) as caught:
        ep.write_report(content, tmp_path / "run.html")

    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []
