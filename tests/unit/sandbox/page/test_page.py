"""The page over HTTP."""

import json
import re
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from events_pandas.sandbox.page import Page
from events_pandas.sandbox.rules.refusals import chosen_refusal
from events_pandas.sandbox.workspace.store import Store
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome, Workspace

EARLIER = Path(__file__).parents[1] / "workspace" / "stores" / "version-2.sqlite"

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{ 7 * 7 }}{% raw %}"
DAY = 86_400


@pytest.mark.parametrize(
    ("path", "is_handled"),
    [
        ("/", True),
        ("/sandbox/live", True),
        ("/sandbox/anything", True),
        ("/sandbox/control", False),
        ("/sandbox", False),
        ("/events", False),
        ("/me", False),
        ("", False),
        ("//", False),
    ],
)
def test_page_handles_its_own_addresses(path, *, is_handled) -> None:
    """The page handles its own addresses, not the control's or Intercom's."""
    assert Page.handles(path) is is_handled


@pytest.mark.parametrize(
    ("path", "status", "media_type"),
    [
        ("/", 200, "text/html; charset=utf-8"),
        ("/sandbox/live", 200, "text/html; charset=utf-8"),
        ("/sandbox/page.css", 200, "text/css; charset=utf-8"),
        ("/sandbox/page.js", 200, "text/javascript; charset=utf-8"),
        ("/sandbox/bodies/1", 200, "text/plain; charset=utf-8"),
        ("/sandbox/bodies/2", 404, "text/plain; charset=utf-8"),
        ("/sandbox/bodies/../page.py", 404, "text/plain; charset=utf-8"),
        ("/sandbox/page.py", 404, "text/plain; charset=utf-8"),
        ("/sandbox/", 404, "text/plain; charset=utf-8"),
    ],
)
def test_page_answers_with_headers_that_let_nothing_else_run(get, submit, path, status, media_type) -> None:
    """Every answer lets the browser load only the page's own style and script."""
    submit()

    response = get(path)

    assert (response.status_code, response.headers["content-type"]) == (status, media_type)
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"


def test_page_shows_what_identifies_the_workspace(read, store) -> None:
    """The page shows address, token, region and identifier; address and token can be copied."""
    outline = read()

    for text in ("http://127.0.0.1:8080", "sandbox-token", store.id_code, "us"):
        assert text in outline.text
    assert outline.attributes("data-copy")[:2] == ["http://127.0.0.1:8080", "sandbox-token"]


def test_page_is_answered_while_a_submission_is_written(read, submit, store) -> None:
    """The page does not wait for the writer, and shows what was written before."""
    submit()
    with store.writing() as connection:
        connection.execute("DELETE FROM submissions")

        assert "Received 1 submissions" in " ".join(read().text.split())


def test_page_shows_a_workspace_of_an_earlier_version(window, tmp_path, now) -> None:
    """A store that an earlier version wrote is shown whole, with what was not counted when its sandbox was killed."""
    workspace = Workspace(store=Store(Path(shutil.copy(EARLIER, tmp_path / "events.sqlite"))))
    page = Page(workspace=workspace, window=window, clock=lambda: now, access_token="x")

    html = page.answer("/", {"contact": "42"}, base_url="http://x").body.decode()

    text = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    assert "Received 8 submissions Kept 4 events held Duplicates 1 answered 202, ignored Refused 2" in text
    assert "placed-order (7)" in text
    assert "placed-order 9 1 Jan 1970 00:00:05" in text


def test_page_without_a_temporary_folder_asks_the_writer(make_body, window, monkeypatch, tmp_path, now) -> None:
    """If no temporary file can be made, the workspace is in memory, and its page shows it too."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    workspace = Workspace()
    workspace.submit(make_body(), received_at=now)
    page = Page(workspace=workspace, window=window, clock=lambda: now, access_token="x")

    assert b'id="s1"' in page.answer("/", {}, base_url="http://x").body


def test_page_keeps_its_token_out_of_its_repr(page) -> None:
    """The token is in no repr, though it opens this sandbox only."""
    assert "sandbox-token" not in repr(page)


def test_page_without_events_tells_how_to_send_one(read) -> None:
    """The page of an empty workspace has lines to copy."""
    outline = read()

    assert "Nothing received yet" in outline.text
    assert (
        'client = ep.IntercomClient("sandbox-token", base_url="http://127.0.0.1:8080", allow_http=True)' in outline.text
    )
    assert "table" not in outline.tags()


def test_page_shows_events_as_people_read_them(read, submit) -> None:
    """Money, dates and links are shown as such; ignored keys are struck through."""
    metadata = {
        "price": {"amount": 34999, "currency": "eur"},
        "order_date": 1389967941,
        "order": {"url": "https://example.com/17", "value": "number 17"},
        **{f"key{n}": n for n in range(7)},
        "eleventh": "gone",
    }
    submit(metadata=metadata, created_at=1389913941)

    outline = read()

    for text in ("€349.99", "17 Jan 2014, 14:12:21", "number 17", "16 Jan 2014", "23:12:21"):
        assert text in outline.text
    links = [attributes for tag, attributes in outline.elements if attributes.get("target") == "_blank"]
    assert links == [{"href": "https://example.com/17", "rel": "noopener noreferrer", "target": "_blank"}]
    assert sum(tag == "s" for tag, _ in outline.elements) == 2


def test_page_tells_why_a_submission_was_not_kept(read, submit, workspace, make_body) -> None:
    """Duplicates name the submission that they repeat, refusals their code, faults their status."""
    submit()
    submit()
    submit(created_at=...)
    workspace.log_unjudged(make_body(), received_at=1.0, outcome=SubmissionOutcome.FAILED, refusal=chosen_refusal(503))
    workspace.log_unjudged(make_body(), received_at=1.0, outcome=SubmissionOutcome.FAILED, refusal=None)

    text = " ".join(read().text.split())

    assert "Intercom ignores it: the same contact, name and second as submission 1" in text
    assert "parameter_not_found: created_at is required" in text
    assert "service_unavailable: Sorry, the API service is unavailable" in text
    assert "failed not answered" in text


def test_page_counts_what_was_received(read, submit, window, now) -> None:
    """Totals, the window and the filters have the counts of the whole workspace."""
    submit()
    submit()
    submit(created_at="x")
    window.spend(now)

    text = " ".join(read(name="nothing-like-it").text.split())

    assert "Received 3 submissions Kept 1 events held Duplicates 1 answered 202, ignored Refused 1" in text
    assert "Rate limit 83 in 10 s 1 used 82 left resets in 10 s" in text
    assert "kept (1)" in text
    assert "400 Bad Request (1)" in text


def test_page_without_a_limit_says_so(read, window) -> None:
    """Without a limit the page says "none" rather than a number."""
    window.limit = None

    assert "Rate limit none 0 used no limit" in " ".join(read().text.split())


def test_page_draws_events_by_the_time_that_they_say(read, submit) -> None:
    """The chart has a bar for each span, and a table for screen readers."""
    submit(created_at=1389913941)
    submit(created_at=1389913941 + 3 * DAY)
    submit(created_at=1389913941, event_name="signed-up")

    outline = read()

    text = " ".join(outline.text.split())
    assert "Events by day of created_at, 16 Jan 2014 to 19 Jan 2014" in text
    assert "16 Jan 2014: 2 placed-order: 1 signed-up: 1" in text
    assert "Day placed-order signed-up 16 Jan 2014 1 1 19 Jan 2014 1 0" in text
    assert sum(attributes.get("class") == "bar" for _, attributes in outline.elements) == 2


def test_page_tells_of_events_outside_of_the_calendar(read, submit) -> None:
    """The page counts the events that the chart leaves out, such as milliseconds sent as seconds."""
    submit(created_at=1389967941000)

    text = " ".join(read().text.split())

    assert "1 event lies before 1970 or after 2099, and is not in the chart" in text
    assert "the year 46016" in text


def test_contact_has_its_facts_counts_and_timeline(read, submit, now) -> None:
    """The timeline marks older events: Intercom shows them only in counts."""
    submit(user_id="42", created_at=int(now) - DAY)
    submit(user_id="42", created_at=int(now) - DAY)
    submit(user_id="42", created_at=int(now) - 100 * DAY, event_name="signed-up")
    submit(user_id="43", created_at=int(now) - 2 * DAY)

    outline = read(contact="42")

    text = " ".join(outline.text.split())
    assert "Contact 42 role user external_id 42 email \N{EN DASH}" in text
    assert "placed-order 1 13 Nov 2023 22:13:20 13 Nov 2023 22:13:20 signed-up 1" in text
    assert "sent 2 times, 1 ignored" in text
    ids = outline.attributes("id")
    assert [name for name in ids if re.fullmatch(r"[es]\d+", name)] == ["e1", "e3", "s3", "s2", "s1"]
    assert text.index("Older than 90 days") < text.index("of submission 3")


@pytest.mark.parametrize(
    ("age", "is_old", "is_future"),
    [
        (0, False, False),
        (-1, False, True),
        (90 * DAY - 1, False, False),
        (90 * DAY, True, False),
        (1_700_000_001, True, False),
    ],
)
def test_event_is_old_after_ninety_days(read, submit, now, age, *, is_old, is_future) -> None:
    """Intercom lists events younger than ninety days; older ones are marked."""
    submit(user_id="42", created_at=int(now) - age)

    outline = read(contact="42")

    assert ("row row--faded" in outline.attributes("class")) is is_old
    assert ("in the future" in outline.text) is is_future


def test_keys_beyond_the_tenth_are_ignored_and_beyond_the_thirtieth_not_shown(read, submit) -> None:
    """The first ten keys are tracked, in the order sent; at most thirty are shown, and the others counted."""
    submit(metadata={f"key{place}": place for place in range(1_000)})

    outline = read()

    chips = [name for name in outline.attributes("class") if name.startswith("chip ")]
    assert chips == ["chip chip--number"] * 10 + ["chip chip--number chip--ignored"] * 20
    assert "and 970 further keys, ignored" in outline.text


def test_page_says_that_a_contact_is_unknown(read, submit) -> None:
    """The page says that the contact is unknown, and shows what was submitted under the identifier."""
    submit(user_id="42", created_at="x")

    text = " ".join(read(contact="42").text.split())

    assert "The workspace has no contact “ 42 ”. Below are the submissions under that identifier." in text
    assert "parameter_invalid" in text


def test_page_promises_no_submissions_of_an_identifier_that_nobody_sent(read, submit) -> None:
    """Without submissions under an identifier, the page only says that the contact is unknown."""
    submit(user_id="42")

    text = " ".join(read(contact="43").text.split())

    assert "The workspace has no contact “ 43 ”." in text
    assert "Below" not in text
    assert "No submission matches." in text


def test_page_filters_the_chart_by_status(read, submit) -> None:
    """Refused submissions brought no event: there is nothing to draw."""
    submit(created_at=0)
    submit(created_at="x")

    assert "Events by day" in read(status="kept").text
    assert "Events by day" not in read(status="refused").text


def test_page_says_how_many_failed_submissions_recovered(read, make_body, workspace) -> None:
    """A retry that succeeds makes a chosen fault harmless."""
    for number in (1, 2):
        body = make_body(created_at=number)
        workspace.log_unjudged(body, received_at=1.0, outcome=SubmissionOutcome.FAILED, refusal=None)
    assert "Failed 2 by chosen faults" in " ".join(read().text.split())

    workspace.submit(body, received_at=2.0)

    assert "Failed 2 1 recovered by retries" in " ".join(read().text.split())


@pytest.mark.parametrize("user_id", ["42 ", " 42", "4\t2", "x" * 1_001, "x" * 100_000, "\N{NO-BREAK SPACE}42"])
def test_contact_is_found_by_its_link_with_any_name(read, submit, user_id) -> None:
    """A link finds its contact: blanks at the ends of an identifier count, and any length works."""
    submit(user_id=user_id)
    (link,) = (link for link in read().attributes("href") if link.startswith("/?contact="))

    outline = read(**dict(parse_qsl(link.removeprefix("/?"))))

    assert {"contact-title", "e1", "s1"} <= set(outline.attributes("id"))


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [("42", ["s1"]), (" 42 ", ["s1"]), ("43 ", ["s2"]), ("43", ["s3"]), (" 44", ["s4"]), ("45 ", ["s5"])],
)
def test_blanks_beside_a_typed_contact_are_ignored(read, submit, typed, numbers) -> None:
    """Blanks beside a typed identifier are ignored, unless a contact has them."""
    submit(user_id="42")
    submit(user_id="43 ")
    submit(user_id="43")
    submit(user_id="44", created_at="x")
    submit(user_id="45 ", created_at="x")

    shown = [name for name in read(contact=typed).attributes("id") if re.fullmatch(r"s\d+", name)]

    assert shown == numbers


def test_links_name_a_contact_with_a_long_identifier_by_its_short_one(get, submit) -> None:
    """Links use Intercom's identifier instead of a very long one."""
    submit(user_id="x" * 500_000)

    assert len(get(contact="x" * 500_000).body) < 1_000_000 + 100_000


def test_contact_with_very_many_events_is_counted_whole(read, submit, store) -> None:
    """Chart and counts have all events of a contact."""
    submit(user_id="42", created_at=5, event_name="signed-up")
    submit(user_id="42", created_at=10)
    with store.writing() as connection:
        connection.execute(
            "INSERT INTO events (number, contact, created_at, name)"
            " WITH RECURSIVE counted (n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM counted WHERE n < 50003)"
            " SELECT n, 1, n * 86, 2 FROM counted"
        )

    text = " ".join(read(contact="42").text.split())
    named = read(contact="42", name="signed-up")

    assert "placed-order 50,002 1 Jan 1970 00:00:10" in text
    assert "1 Jan 1970 1,003 1 " in text
    assert "e1" in named.attributes("id")


@pytest.fixture
def fail_to_write(store, submit):
    """Submit in vain, as if the disk were full."""

    def fail_to_write():
        store.read("PRAGMA query_only = ON")
        with pytest.raises(sqlite3.OperationalError):
            submit()
        store.read("PRAGMA query_only = OFF")

    return fail_to_write


def test_page_says_that_the_sandbox_cannot_write(read, submit, fail_to_write) -> None:
    """The page reports a full disk, and shows what was counted before."""
    submit()
    fail_to_write()

    outlines = [read(), read("/sandbox/live")]

    for outline in outlines:
        assert "The sandbox cannot write: attempt to write a readonly database." in outline.text
        assert "alert" in outline.attributes("role")
        assert "Received 1 submissions" in " ".join(outline.text.split())


def test_live_answers_again_when_the_sandbox_can_write_again(get, submit, fail_to_write) -> None:
    """The ETag changes when the trouble begins, and when it is over."""
    submit()
    tags = [get("/sandbox/live").headers["etag"]]
    fail_to_write()
    tags.append(get("/sandbox/live").headers["etag"])
    submit()
    recovered = get("/sandbox/live")
    tags.append(recovered.headers["etag"])

    assert len(set(tags)) == 3
    assert b"cannot write" not in recovered.body


def test_contact_filtered_by_status_has_no_timeline(read, submit) -> None:
    """A filter by status hides the timeline, which has only events that were kept."""
    submit(user_id="42")

    assert "timeline-title" not in read(contact="42", status="202").attributes("id")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"name": "Signed.Up"}, ["s2"]),
        ({"status": "duplicate"}, ["s3"]),
        ({"status": "400"}, ["s4"]),
        ({"contact": "43"}, ["s4"]),
        ({"name": "placed-order", "status": "202"}, ["s3", "s1"]),
        ({"submission": "2"}, ["s2"]),
        ({"before": "3"}, ["s2", "s1"]),
        ({"status": "503"}, []),
        ({"status": "banana", "before": "-1"}, ["s4", "s3", "s2", "s1"]),
    ],
)
def test_page_is_filtered_by_its_address(read, submit, query, numbers) -> None:
    """The filters of an address work without a script."""
    submit()
    submit(event_name="signed-up")
    submit()
    submit(user_id="43", created_at="x")

    outline = read(**query)

    assert [name for name in outline.attributes("id") if re.fullmatch(r"s\d+", name)] == numbers
    assert ("No submission matches" in outline.text) is (not numbers)


def test_page_keeps_the_filters_in_its_form(read, submit) -> None:
    """The form shows the filters, even a name that nobody submitted."""
    submit()

    outline = read(name="signed-up", contact="42", status="kept")

    chosen = [attributes["value"] for tag, attributes in outline.elements if "selected" in attributes]
    assert chosen == ["signed-up", "kept"]
    assert "42" in outline.attributes("value")


def test_page_turns_to_older_submissions(read, submit) -> None:
    """A page has fifty rows; the next one begins where it ends."""
    for created_at in range(51):
        submit(created_at=created_at)

    first, last = read(status="kept"), read(status="kept", before="2")

    assert "/?status=kept&before=2" in first.attributes("href")
    assert "/?status=kept" in last.attributes("href")
    assert not any("before" in href for href in last.attributes("href"))


@pytest.mark.parametrize(
    "fields",
    [
        {"event_name": HOSTILE},
        {"user_id": HOSTILE},
        {"metadata": {HOSTILE.replace("{", "").replace("}", ""): "x"}},
        {"metadata": {"key": HOSTILE}},
        {"metadata": {"key": {"url": f"https://example.com/{HOSTILE}", "value": HOSTILE}}},
        {"metadata": {"key": {"url": "javascript:alert(1)", "value": "x"}}},
        {"metadata": {"key": {"amount": HOSTILE, "currency": HOSTILE}}},
        {"metadata": {"key": [HOSTILE]}},
        {"created_at": HOSTILE},
        {HOSTILE: HOSTILE},
    ],
)
@pytest.mark.parametrize("path", ["/", "/sandbox/live"])
def test_page_shows_hostile_text_as_text(read, submit, path, fields) -> None:
    """No text of a body becomes a tag, an attribute or a template."""
    submit(**fields)
    query = {"contact": HOSTILE, "name": HOSTILE}

    for outline in (read(path), read(path, **query), read(path, contact="314159")):
        assert "img" not in outline.tags()
        assert [attributes for tag, attributes in outline.elements if tag == "script"] in (
            [],
            [{"src": "/sandbox/page.js", "defer": None}],
        )
        assert not any(name.startswith("on") or name == "style" for _, given in outline.elements for name in given)
        assert all(re.match(r"https?://|/|#|data:image/svg", href) for href in outline.attributes("href"))
        assert "\u202e" not in outline.text
        assert "49" not in outline.text.split()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"event_name": "\\ud800"}',
        b"null",
        b"{}" * 600_000,
        b'{"metadata": {"a": 1e999}}',
    ],
)
def test_page_shows_any_body(get, workspace, body) -> None:
    """A body that is not JSON, not text, or very long can be seen, in part and whole."""
    workspace.submit(body, received_at=1.0)

    assert get("/").status_code == 200
    assert get("/sandbox/bodies/1").body.decode() == body.decode(errors="replace")


ODD = ["\0", "-1", "9" * 400, "' OR 1=1 --", "%", "\ud800", "\N{ARABIC-INDIC DIGIT ONE}", "a" * 100_000, "\n", "None"]


@pytest.mark.parametrize("parameter", ["name", "contact", "status", "before", "until", "submission", "other"])
@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("path", ["/", "/sandbox/live"])
def test_page_takes_any_address(get, submit, path, parameter, value) -> None:
    """A senseless address is ignored, or finds nothing."""
    submit()

    assert get(path, **{parameter: value}).status_code == 200


@pytest.mark.parametrize("number", ["", "0", "-1", "x", "9" * 400, "\0", "1/2"])
def test_body_that_is_not_there_is_not_found(get, submit, number) -> None:
    """A number from an address may have no submission."""
    submit()

    assert get(f"/sandbox/bodies/{number}").status_code == 404


def test_live_has_the_sections_of_the_page(read, submit) -> None:
    """The live answer has every section with its name and version."""
    submit()

    page, live = read(contact="314159"), read("/sandbox/live", contact="314159")

    def sections(outline):
        return [(given["id"], given["data-version"]) for _, given in outline.elements if "data-version" in given]

    assert [name for name, _ in sections(page)] == ["facts", "totals", "filters", "chart", "contact", "log"]
    assert sections(live) == sections(page)


def test_section_has_another_version_when_it_is_another(read, submit) -> None:
    """The version of a section changes only with the section."""
    submit(received_at=1.0)

    def versions():
        outline = read("/sandbox/live", status="kept")
        return {given["id"]: given["data-version"] for _, given in outline.elements if "data-version" in given}

    before = versions()
    submit(received_at=1.0)
    after = versions()

    assert {name for name in before if before[name] != after[name]} == {"totals", "filters"}


def test_live_answers_304_while_nothing_happens(get, submit) -> None:
    """Without changes the live address answers 304."""
    submit(received_at=1.0)
    first = get("/sandbox/live")

    again = get("/sandbox/live", if_none_match=first.headers["etag"])

    assert (first.status_code, again.status_code, again.body) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_live_answers_again_when_something_happens(get, submit, window, workspace, now) -> None:
    """A submission, a refusal, a request, a limit and other filters each change the ETag."""
    tags = [get("/sandbox/live").headers["etag"]]
    for change in (
        submit,
        lambda: workspace.submit(b"", received_at=1.0),
        lambda: window.spend(now),
        lambda: setattr(window, "limit", 5),
        lambda: setattr(window, "window_seconds", 20.0),
    ):
        change()
        tags.append(get("/sandbox/live").headers["etag"])
    tags.append(get("/sandbox/live", status="kept").headers["etag"])

    assert len(set(tags)) == len(tags)


def test_live_changes_every_second_for_a_minute_after_a_submission(workspace, window, submit) -> None:
    """After a submission the pace falls for a minute, and the ETag changes every second."""
    clock = {"now": 1_700_000_000.0}
    page = Page(workspace=workspace, window=window, clock=lambda: clock["now"], access_token="x")
    window.window_seconds = 1000.0
    submit(received_at=clock["now"])

    def tag_after(seconds):
        clock["now"] = 1_700_000_000.0 + seconds
        return page.answer("/sandbox/live", {}, base_url="http://x").headers["etag"]

    assert tag_after(1) != tag_after(2)
    assert tag_after(58) != tag_after(59)
    assert tag_after(70) == tag_after(200)


def test_pace_shows_what_came_in_the_last_minute(read, submit, now) -> None:
    """Two submissions in the last ten seconds are 0.2 a second."""
    submit(received_at=now - 4)
    submit(received_at=now - 3, created_at=5)

    text = " ".join(read().text.split())

    assert "Per second over the last 10 0.2 last minute up to 1.0" in text


def test_page_has_landmarks_labels_and_one_heading(read, submit) -> None:
    """Screen readers find their way: every field has a label, every table a name, every picture a text."""
    submit(metadata={"a": 1})
    outline = read(contact="314159")
    by_id = {given["id"] for _, given in outline.elements if "id" in given}

    ids = outline.attributes("id")
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in outline.elements].count("h1") == 1
    assert {"header", "main", "footer", "nav", "form"} <= outline.tags()
    assert set(outline.attributes("for")) == {
        given["id"] for tag, given in outline.elements if tag in {"select", "input"}
    }
    for attribute in ("aria-labelledby", "aria-describedby"):
        assert {name for value in outline.attributes(attribute) for name in value.split()} <= by_id
    for tag, given in outline.elements:
        if tag == "svg":
            assert given.get("aria-hidden") == "true" or "aria-label" in given or "aria-labelledby" in given
        if tag == "nav":
            assert given["aria-label"]
    assert ("html", {"lang": "en"}) in outline.elements


def test_page_speaks_of_nothing_foreign(get, submit) -> None:
    """Styles, scripts, fonts and pictures come from the sandbox alone, and none is inline."""
    submit()
    html = get("/").body.decode()

    assert re.findall(r"<script[^>]*>[^<]", html) == []
    assert "<style" not in html
    assert re.findall(r'(?:src|href)="(?!/|#|data:image/svg)[^"]*"', html) == []
    for path in ("/sandbox/page.css", "/sandbox/page.js"):
        assert b"//" not in re.sub(rb"(?m)^//.*$|^ *//.*$", b"", get(path).body)


def test_body_is_answered_whole(get, workspace) -> None:
    """The address of a body has all of it, as plain text."""
    body = json.dumps({"a": "<script>" * 20_000}).encode()
    workspace.submit(body, received_at=1.0)

    response = get("/sandbox/bodies/1")

    assert response.body == body
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
