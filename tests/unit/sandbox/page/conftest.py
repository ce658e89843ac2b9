"""What several tests of the page use: a workspace to fill, a page of it, and readers of HTML."""

from html.parser import HTMLParser

import pytest

from events_pandas.sandbox.page import Page
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import Workspace

NOW = 1_700_000_000.0


class Outline(HTMLParser):
    """All elements of a document with their attributes, and its text, with spaces between elements."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.text += " "

    def handle_endtag(self, tag):  # noqa: ARG002  # As the base class calls it.
        self.text += " "

    def handle_data(self, data):
        self.text += data

    def tags(self):
        return {tag for tag, _ in self.elements}

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


@pytest.fixture
def now():
    """The time of the sandbox's clock."""
    return NOW


@pytest.fixture
def workspace():
    """An empty workspace."""
    return Workspace()


@pytest.fixture
def store(workspace):
    """The database of the workspace."""
    return workspace.store


@pytest.fixture
def asking(store):
    """A connection to ask the workspace on, which sees every change at once."""
    # Outside the transaction that keeps one moment for a whole page.
    with store.reading() as connection:
        connection.execute("ROLLBACK")
        yield connection
        connection.execute("BEGIN")


@pytest.fixture
def submit(workspace, make_body):
    """Submit a good event, with changes."""

    def submit(*, received_at=NOW, is_answered=True, **changes):
        return workspace.submit(make_body(**changes), received_at=received_at, is_answered=is_answered)

    return submit


@pytest.fixture
def _crowded(store, submit):
    """One kept submission of contact 42, then 50,005 refused ones of 42, then as many kept ones of 43."""
    submit(user_id="42")
    with store.writing() as connection:
        for contact, status, outcome in [("42", 400, "refused"), ("43", 202, "kept")]:
            connection.execute(
                "INSERT INTO submissions (received_at, http_status, outcome, name, contact, body)"
                " WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 50005)"
                " SELECT 0, ?, ?, 1, ?, '{}' FROM counted",
                (status, outcome, contact),
            )


@pytest.fixture
def window():
    """A window with room for 83 requests."""
    return RateWindow(limit=83, window_seconds=10.0)


@pytest.fixture
def page(workspace, window):
    """The page of the workspace."""
    return Page(workspace=workspace, window=window, clock=lambda: NOW, access_token="sandbox-token")


@pytest.fixture
def get(page):
    """Ask the page for an address."""

    def get(path="/", *, if_none_match="", **query):
        return page.answer(path, query, base_url="http://127.0.0.1:8080", if_none_match=if_none_match)

    return get


@pytest.fixture
def read(get):
    """Ask the page for an address, and return the elements and the text of the answer."""

    def read(path="/", **query):
        response = get(path, **query)
        assert response.status_code == 200
        return Outline(response.body.decode())

    return read
