"""The page of the sandbox in a browser."""

import re
import time

import pytest

pytestmark = pytest.mark.browser

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\u202e"
NOW = int(time.time())
DAY = 86_400


def texts(page, selector):
    return page.locator(selector).all_inner_texts()


def focused(page):
    return page.evaluate("document.activeElement.id")


def row_ids(page):
    return page.eval_on_selector_all(".log .row", "rows => rows.map(row => row.id)")


def wait_for(page, expression):
    # Playwright's own way evaluates code in the page, and the page's policy forbids it.
    until = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < until, f"it did not become so in time: {expression}"
        page.wait_for_timeout(20)


def test_page_follows_a_run(open_page, run) -> None:
    """Counts and rows appear while events are submitted, without a reload."""
    page = open_page()
    assert texts(page, "#log-title") == ["Nothing received yet"]

    run()

    wait_for(page, "Number(document.querySelector('.tile__count').textContent.replace(',', '')) > 20")
    first = row_ids(page)[0]
    wait_for(page, f"document.querySelector('.log .row').id !== '{first}'")
    assert texts(page, "#state") == ["Live"]
    assert page.locator(".chart .bar").count() > 0


def test_page_keeps_an_open_row_during_a_run(open_page, run) -> None:
    """An open row stays in its place, and newer rows appear on request."""
    page = open_page()
    run()
    page.locator(".row summary").first.click()
    reading = row_ids(page)[0]
    page.wait_for_selector("#newest:visible")

    assert row_ids(page)[0] == reading
    assert page.locator(f"#{reading} details").get_attribute("open") is not None
    assert re.fullmatch(r"Show [\d,]+ newer", page.locator("#newest").inner_text())
    page.keyboard.press("n")
    wait_for(page, f"document.querySelector('.log .row').id !== '{reading}'")


def test_page_keeps_an_open_row_without_newer_rows(open_page, submit) -> None:
    """The key for newer rows moves nothing without newer rows, and keeps the focus."""
    submit()
    page = open_page()
    page.wait_for_selector("#state:has-text('Live')")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    page.keyboard.press("n")

    assert focused(page) == "s1"
    assert page.locator("#s1 pre").first.is_visible()


@pytest.mark.parametrize(
    ("button", "lost"), [("right", ""), ("middle", ""), ("left", "blur"), ("left", "contextmenu"), ("left", "move")]
)
def test_page_goes_on_when_the_release_of_a_button_is_lost(open_page, submit, button, lost) -> None:
    """Only a pressed main mouse button pauses the page."""
    page = open_page()
    page.wait_for_selector("#state:has-text('Live')")
    page.mouse.move(700, 20)
    page.mouse.down(button=button)
    events = {
        "": "null",
        "blur": "window.dispatchEvent(new Event('blur'))",
        "contextmenu": "document.dispatchEvent(new Event('contextmenu'))",
        "move": "document.dispatchEvent(new PointerEvent('pointermove', { buttons: 0 }))",
    }

    page.evaluate(events[lost])
    submit()

    page.wait_for_selector("#s1")
    assert texts(page, "#state") == ["Live"]


def test_page_stops_when_it_is_paused(open_page, submit) -> None:
    """Submissions during a pause are shown after it."""
    page = open_page()
    page.wait_for_selector("#state:has-text('Live')")

    page.keyboard.press("p")
    submit()

    assert texts(page, "#state") == ["Paused"]
    assert texts(page, "#log-title") == ["Nothing received yet"]
    page.locator("#pause").click()
    page.wait_for_selector(".log .row")


def test_page_says_when_the_sandbox_has_stopped(open_page, sandbox, submit) -> None:
    """If the sandbox does not answer, the state is not live; when it answers again, the state is live."""
    submit()
    page = open_page(is_faultless=False)
    port = int(sandbox.url.rpartition(":")[2])

    sandbox.stop()

    page.wait_for_selector("#state:has-text('The sandbox is not answering; trying again')")
    assert row_ids(page) == ["s1"]
    with type(sandbox)(port=port):
        page.wait_for_selector("#state:has-text('Live')")
        page.wait_for_selector("#log-title:has-text('Nothing received yet')")


def test_page_is_filtered_by_its_form(open_page, submit) -> None:
    """The form puts the chosen filters into the address, without empty ones."""
    submit()
    submit(event_name="signed-up")
    submit(user_id="404")
    page = open_page()

    page.get_by_label("Event", exact=True).select_option("placed-order")
    page.get_by_label("Status", exact=True).select_option("404")
    page.get_by_role("button", name="Filter").click()

    page.wait_for_url("**/?name=placed-order&status=404")
    assert row_ids(page) == ["s3"]
    assert "not_found: User Not Found" in texts(page, ".row .how")[0]
    page.get_by_role("link", name="Clear").click()
    page.wait_for_selector("#s1")
    assert row_ids(page) == ["s3", "s2", "s1"]


def test_page_shows_a_contacts_timeline(open_page, submit) -> None:
    """A click on a contact leads to its facts, its counts and its events."""
    submit(user_id="42", created_at=NOW - DAY)
    submit(user_id="42", created_at=NOW - 100 * DAY, event_name="signed-up")
    page = open_page()

    page.locator("#s1 .who a").click()

    page.wait_for_selector("#timeline-title")
    assert texts(page, "#contact-title") == ["Contact 42"]
    assert page.eval_on_selector_all(
        ".log--timeline tbody tr", "rows => rows.map(row => row.id || row.textContent.trim())"
    ) == ["e1", "Older than 90 days: Intercom does not list these, and shows them in counts only.", "e2"]


def test_page_shows_a_contact_with_blanks_and_a_long_name(open_page, submit) -> None:
    """A link finds its contact, even with a blank at the end of the name."""
    submit(user_id=f"{'x' * 5_000} ")
    submit(user_id="42 ")
    submit(user_id="42")
    page = open_page()

    for row, contact in [("s1", f"Contact {'x' * 77}..."), ("s2", "Contact 42")]:
        page.locator(f"#{row} .who a").click()
        page.wait_for_selector("#contact-title")
        assert texts(page, "#contact-title") == [contact]
        assert row_ids(page) == [row.replace("s", "e"), row]
        page.goto(page.url.partition("?")[0])


def test_page_is_used_from_the_keyboard(open_page, submit) -> None:
    """Keys walk through rows, open and close them, and reach and leave the filter."""
    for created_at in range(3):
        submit(created_at=created_at)
    page = open_page()

    walked = []
    for key in ("j", "j", "ArrowDown", "ArrowDown", "k", "ArrowUp"):
        page.keyboard.press(key)
        walked.append(focused(page))

    assert walked == ["s3", "s2", "s1", "s1", "s2", "s3"]
    page.keyboard.press("Enter")
    assert page.locator("#s3 pre").first.is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#s3 pre").first.is_visible()
    page.keyboard.press("/")
    assert focused(page) == "filter-contact"
    page.keyboard.type("314159jp")
    assert page.locator("#filter-contact").input_value() == "314159jp"
    page.keyboard.press("Escape")
    assert focused(page) == ""


def test_page_can_be_walked_through_with_tab(open_page, submit) -> None:
    """The first Tab stop skips to the submissions; the focus is visible."""
    submit(metadata={"page": "https://example.com/"})
    page = open_page()

    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "(() => { const element = document.activeElement; const style = getComputedStyle(element);"
            " return [element.textContent.trim().slice(0, 24) || element.id, style.outlineStyle,"
            " element.matches(':focus-visible')]; })()"
        )
        if stop[0] in {known[0] for known in stops} and stop[0] == "Skip to the submissions":
            break
        stops.append(stop)

    names = [name for name, _, _ in stops]
    assert names[0] == "Skip to the submissions"
    assert [name for name in names if name in {"Sandbox", "Pause", "#1", "placed-order", "314159"}] == [
        "Sandbox",
        "Pause",
        "placed-order",
        "#1",
        "placed-order",
        "314159",
    ]
    assert all(style != "none" for name, style, is_visible in stops if is_visible), stops


def test_page_runs_nothing_that_was_submitted(open_page, submit) -> None:
    """Submitted tags, handlers, addresses and marks of direction are text, also in live updates."""
    page = open_page()
    submit(event_name=HOSTILE, user_id=HOSTILE, metadata={"a": HOSTILE})
    submit(created_at=HOSTILE)
    submit(
        metadata={
            "script": {"url": f"https://example.com/{HOSTILE}", "value": HOSTILE},
            "link": "javascript:alert(3)",
            "rich": {"url": "javascript://example.com/%0Aalert(4)", "value": "x"},
            "rtl": "\u202eevil\u2066",
        }
    )
    page.wait_for_selector("#s3")
    page.reload()
    page.locator(".row summary").first.click()

    assert page.locator("#log script, #log img, main script, main img").count() == 0
    assert "<script>alert(1)</script>" in page.locator("#s1 .what").inner_text()
    assert "\\u202eevil\\u2066" in page.locator("#s3 .chips").inner_text()
    assert page.eval_on_selector_all("a", "links => links.filter(link => !/^https?:$/.test(link.protocol)).length") == 0
    assert page.evaluate("[...document.querySelectorAll('*')].every(element => !element.hasAttribute('style'))")


@pytest.mark.parametrize("address", ["/", "/?contact=314159", "/?status=refused"])
@pytest.mark.parametrize("width", [360, 1440])
def test_page_is_as_wide_as_the_window(open_page, submit, address, width) -> None:
    """Long words are broken, and the page does not scroll sideways."""
    submit(metadata={"W" * 200: "W" * 255, "b": {"url": f"https://example.com/{'x' * 500}", "value": "y" * 200}})
    submit(event_name="W" * 300, user_id="W" * 300)
    submit(event_name="W" * 300, user_id="W" * 300, created_at="W" * 300)
    page = open_page(address, viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")

    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(246, 246, 244)"), ("dark", "rgb(17, 19, 23)")])
def test_page_is_light_or_dark_as_the_system_is(open_page, scheme, ground) -> None:
    """The page follows the system's light or dark mode."""
    page = open_page(color_scheme=scheme)

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


def test_page_stands_still_where_motion_is_not_wanted(open_page) -> None:
    """With reduced motion the dot of the state does not move."""
    page = open_page(reduced_motion="reduce")
    page.wait_for_selector(".state--live")

    assert page.evaluate("document.getAnimations().length") == 0


def test_page_works_without_a_script(open_page, submit) -> None:
    """Without a script the page shows everything, and the form works."""
    submit()
    submit(event_name="signed-up")
    page = open_page(java_script_enabled=False)

    page.get_by_label("Event", exact=True).select_option("signed-up")
    page.get_by_role("button", name="Filter").click()

    page.wait_for_selector("#s2")
    assert page.locator(".log .row").count() == 1
    page.locator("#s2 summary").click()
    assert '"event_name": "signed-up"' in page.locator("#s2 pre").first.inner_text()
    assert not page.locator("#pause").is_visible()


def test_page_has_names_for_screen_readers(open_page, submit) -> None:
    """Regions, fields, tables and pictures have names, and rows are a table on a narrow screen too."""
    submit()
    page = open_page(viewport={"width": 360, "height": 800})

    for role, name in [
        ("heading", "Sandbox"),
        ("search", "Submissions"),
        ("combobox", "Event"),
        ("searchbox", "Contact"),
        ("combobox", "Status"),
        ("button", "Pause"),
        ("button", "Copy the access token"),
        ("table", re.compile("Submissions")),
        ("navigation", "Submissions"),
    ]:
        assert page.get_by_role(role, name=name, exact=isinstance(name, str)).count() == 1, (role, name)
    assert page.get_by_role("img", name=re.compile("Events by day")).count() == 1
    assert page.get_by_role("cell").count() == 6
    wait_for(page, "document.getElementById('announcer').textContent.startsWith('1 received, 1 kept, 0 duplicates')")


def test_page_copies_the_token(open_page, sandbox) -> None:
    """A button copies the token to the clipboard."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy the access token").click()

    wait_for(page, "document.querySelector('[aria-label=\"Copy the access token\"]').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == sandbox.access_token


def test_window_counts_down(open_page, sandbox, submit) -> None:
    """The page shows the used part of the window, and the start of the next one."""
    sandbox.limit, sandbox.window_seconds = 83, 4.0
    page = open_page()
    # Not at the end of a window: the page would read the next one, which is empty.
    wait_for(page, "parseInt(document.getElementById('resets').textContent) > 2")
    submit()

    wait_for(page, "document.querySelector('.meter:last-child .meter__count').textContent.startsWith('1')")
    assert re.fullmatch(r"82 left\s+resets in \d+ s", page.locator(".meter:last-child .meter__foot").inner_text())
    wait_for(page, "document.querySelector('.meter:last-child .meter__count').textContent.startsWith('0')")
