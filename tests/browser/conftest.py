"""A Chromium of the system, a running sandbox, and a page whose errors fail the test."""

import json
import os
import shutil
import threading

import pytest
import requests

from events_pandas import Sandbox

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def pytest_collection_modifyitems(items):
    """Skip the browser tests without a browser, unless EVENTS_PANDAS_BROWSER is set."""
    if browser_path() is None and not os.environ.get("EVENTS_PANDAS_BROWSER"):
        reason = f"none of {', '.join(BROWSERS)} is installed"
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=reason))


def browser_path():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Watch:
    """The errors of a page."""

    def __init__(self, page, url):
        self.faults = []
        self.requests = []
        self._url = url
        page.on("console", self._console)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )

    def _console(self, message):
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog):
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def foreign(self):
        return [url for url in self.requests if not url.startswith((f"{self._url}/", "data:image/svg+xml"))]


# Not of session scope: Playwright keeps an event loop running in this thread.
@pytest.fixture(scope="module")
def chromium():
    """The browser, for all tests of the page."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # Only needed with a browser.

    path = browser_path()
    assert path is not None, f"EVENTS_PANDAS_BROWSER is set, and none of {', '.join(BROWSERS)} is installed"
    # Chromium does not run in its own sandbox as root.
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else [*ARGUMENTS]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def sandbox():
    """A running sandbox without a limit, with the unknown contact 404."""
    with Sandbox(limit=None, unknown_contacts=["404"]) as sandbox:
        yield sandbox


@pytest.fixture
def submit(sandbox):
    """Submit an event over HTTP, with changed fields; `...` removes a field."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {sandbox.access_token}"

        def submit(**changes):
            fields = {"event_name": "placed-order", "created_at": 1389913941, "user_id": "314159"} | changes
            body = json.dumps({name: value for name, value in fields.items() if value is not ...})
            return session.post(f"{sandbox.url}/events", data=body, timeout=10).status_code

        yield submit


@pytest.fixture
def open_page(chromium, sandbox):
    """Open the page, or another address of it; an error of the page fails the test at its end."""
    opened = []

    def open_page(address="/", *, is_faultless=True, **options):
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}} | options)
        context.set_default_timeout(10_000)
        page = context.new_page()
        watch = Watch(page, sandbox.url)
        opened.append((context, watch, is_faultless))
        page.goto(f"{sandbox.url}{address}")
        return page

    yield open_page
    for context, _, _ in opened:
        context.close()
    assert [fault for _, watch, is_faultless in opened if is_faultless for fault in watch.faults] == []
    assert [url for _, watch, _ in opened for url in watch.foreign] == []


@pytest.fixture
def run(submit):
    """Submit event after event in the background, until the test ends."""
    stopped = threading.Event()
    threads = []

    def run(**changes):
        def submit_all():
            created_at = 1_700_000_000
            # Fast enough for the page to change, but not faster: the browser needs the machine too.
            while not stopped.wait(0.01):
                submit(created_at=created_at, **changes)
                created_at += 1

        threads.append(threading.Thread(target=submit_all))
        threads[-1].start()

    yield run
    stopped.set()
    for thread in threads:
        thread.join()
