"""The parameters of the page's address."""

import pytest

from events_pandas.sandbox.page.filters import Filters


def test_filters_are_read_from_an_address() -> None:
    """Each parameter is a filter; a name is normalized as Intercom does it."""
    filters = Filters.read(
        {"name": "Placed.Order", "contact": "42", "status": "404", "before": "17", "until": "3", "submission": "5"}
    )

    assert filters == Filters(name="placed-order", contact="42", status="404", before=17, until=3, submission=5)


@pytest.mark.parametrize("status", ["kept", "Duplicate", "refused", "failed", "202", "599", "unanswered"])
def test_filters_take_outcomes_and_statuses(status) -> None:
    """A status is an outcome, an HTTP status, or the word for no answer."""
    assert Filters.read({"status": status}).status == status.lower()


@pytest.mark.parametrize("status", ["banana", "-1", "0", "600", "20", "2020", "2O2", "²⁰²", "\0", "kept kept"])
def test_filters_ignore_a_wrong_status(status) -> None:
    """A senseless status is ignored."""
    assert Filters.read({"status": status}) == Filters()


@pytest.mark.parametrize(
    "number", ["-1", "x", "1.5", "1_0", "\N{FULLWIDTH DIGIT ONE}", "9" * 19, "9" * 5000, "\0", " 1", ""]
)
def test_filters_ignore_a_wrong_number(number) -> None:
    """A senseless number is ignored: the first page is shown."""
    assert Filters.read({"before": number, "until": number, "submission": number}) == Filters()


def test_filters_replace_what_no_encoding_takes() -> None:
    """Half of a surrogate pair is replaced: the database could not encode it."""
    assert Filters.read({"name": "a\ud800", "contact": "\udfffb"}) == Filters(name="a?", contact="?b")


@pytest.mark.parametrize("text", [" 42", "42 ", "\t4 2\n", "x" * 1_000_000])
def test_filters_take_texts_as_they_stand(text) -> None:
    """Texts are kept as they are, so that a link finds its contact."""
    assert Filters.read({"contact": text, "name": text}) == Filters(contact=text, name=text)


def test_filters_cut_texts_that_no_body_can_hold() -> None:
    """Texts are cut at a megabyte, the size of the largest body."""
    assert Filters.read({"contact": "x" * 1_000_001}).contact == "x" * 1_000_000


@pytest.mark.parametrize(
    ("status", "outcome", "http_status"),
    [("", None, None), ("kept", "kept", None), ("404", None, 404), ("unanswered", None, 0)],
)
def test_status_is_an_outcome_or_a_number(status, outcome, http_status) -> None:
    """A status is an outcome or an HTTP status; no answer has the number 0, as in the counts."""
    filters = Filters(status=status)

    assert (filters.outcome, filters.http_status) == (outcome, http_status)


@pytest.mark.parametrize(
    ("filters", "is_empty"),
    [
        (Filters(), True),
        (Filters(before=5, until=3), True),
        (Filters(name="a"), False),
        (Filters(contact="a"), False),
        (Filters(status="202"), False),
        (Filters(submission=1), False),
    ],
)
def test_filters_are_empty_when_all_is_asked_for(filters, *, is_empty) -> None:
    """A page number alone is not a filter."""
    assert filters.is_empty is is_empty


@pytest.mark.parametrize(
    ("changes", "query"),
    [
        ({}, "?name=a%26b&contact=%22%3E&before=9"),
        ({"before": 5}, "?name=a%26b&contact=%22%3E&before=5"),
        ({"name": "c"}, "?name=c&contact=%22%3E"),
        ({"until": 7}, "?name=a%26b&contact=%22%3E&until=7"),
        ({"name": "", "contact": ""}, ""),
    ],
)
def test_query_asks_for_the_same_with_changes(changes, query) -> None:
    """A change goes back to the first page; texts are encoded."""
    assert Filters(name="a&b", contact='">', before=9).query(**changes) == query


def test_query_is_read_as_it_was_written() -> None:
    """The query has the filters that are set, encoded."""
    filters = Filters(name="a b", contact="ada+x@example.com", status="unanswered", until=3)

    query = dict(pair.split("=") for pair in filters.query()[1:].split("&"))

    assert query == {"name": "a+b", "contact": "ada%2Bx%40example.com", "status": "unanswered", "until": "3"}
