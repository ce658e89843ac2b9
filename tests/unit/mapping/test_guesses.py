"""Guesses that nobody has confirmed: how they are named, and that nothing is submitted with them."""

import pytest

from events_pandas.mapping import Constant, Date, EventMapping, MonetaryAmount
from events_pandas.mapping.guesses import guess_faults, require_confirmed

CONFIRM = (
    "unconfirmed: nothing is submitted until these guesses are confirmed: correct what is wrong, and take what you "
    "have read out of unconfirmed"
)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("event_name", "event_name: 'ordered' is a guess: name what happened, such as 'placed-order'"),
        (
            "timezone",
            (
                "timezone: times without a zone are taken as UTC, which is a guess: "
                "set timezone to 'Europe/Berlin' or the like"
            ),
        ),
        ("created_at", "created_at: 'time' is a guess: make sure that it is the time of the event"),
        ("user_id", "user_id: 'customer' is a guess: make sure that it names the contact"),
        (
            "metadata.due_date.format",
            (
                "metadata.due_date.format: '%d/%m/%Y' is a guess: "
                "the rows that were looked at do not show the order of day, month and year"
            ),
        ),
        (
            "metadata.price.unit",
            "metadata.price.unit: 'major' is a guess: whole numbers may count cents: set unit to 'minor' if they do",
        ),
        (
            "metadata.price.currency",
            "metadata.price.currency: 'currency' is a guess: several columns may hold the currency",
        ),
        ("metadata.price.amount", "metadata.price.amount: 'total' is a guess: make sure that it is right"),
        ("metadata.gone.format", "metadata.gone.format: the mapping has no such field: remove it from unconfirmed"),
        ("metadata.price.format", "metadata.price.format: the mapping has no such field: remove it from unconfirmed"),
        ("time_zone", "time_zone: the mapping has no such field: remove it from unconfirmed"),
    ],
)
def test_guess_is_named_with_what_to_do(mapping, path, fault):
    """A line for each guess says what is guessed, and the last line how to confirm guesses."""
    proposed = mapping(
        event_name="ordered",
        metadata={
            "due_date": Date("due", format="%d/%m/%Y"),
            "price": MonetaryAmount("total", currency="currency"),
        },
        unconfirmed=[path],
    )

    assert guess_faults(proposed) == [fault, CONFIRM]


@pytest.mark.parametrize("created_at", [Date("day", format="%d.%m.%Y"), "day"])
def test_guess_of_the_time_names_its_column(mapping, created_at):
    """The guess of the time names its column, with and without a rule."""
    first, _ = guess_faults(mapping(created_at=created_at, unconfirmed=("created_at",)))

    assert first == "created_at: 'day' is a guess: make sure that it is the time of the event"


def test_guess_of_a_name_is_named_where_it_is_a_constant(mapping):
    """The guess of a name is shown if it is a Constant, since a column has the same name."""
    first, _ = guess_faults(mapping(event_name=Constant("ordered"), unconfirmed=("event_name",)))

    assert first == "event_name: 'ordered' is a guess: name what happened, such as 'placed-order'"


def test_require_confirmed_lists_every_guess_at_once(mapping, faults):
    """The error lists the placeholder of a name and every guess, each on its own line."""
    proposed = mapping(event_name="replace-me", unconfirmed=("user_id", "timezone"))

    assert faults(require_confirmed, proposed) == [
        "event_name: 'replace-me' is the placeholder of a proposal: name what happened, such as 'placed-order'",
        "user_id: 'customer' is a guess: make sure that it names the contact",
        (
            "timezone: times without a zone are taken as UTC, which is a guess: "
            "set timezone to 'Europe/Berlin' or the like"
        ),
        CONFIRM,
    ]


def test_require_confirmed_takes_a_mapping_without_guesses(mapping):
    """A mapping without guesses can be submitted."""
    require_confirmed(mapping())

    assert guess_faults(mapping()) == []


def test_timezone_that_is_given_is_not_a_guess():
    """A given time zone confirms the guess of it."""
    proposed = EventMapping(
        event_name="placed-order",
        created_at="time",
        user_id="who",
        timezone="Europe/Berlin",
        unconfirmed=["timezone", "user_id"],
    )

    assert proposed.unconfirmed == ("user_id",)


@pytest.mark.parametrize("paths", ["timezone", [1], {"timezone": True}, None])
def test_unconfirmed_is_a_list_of_paths(mapping, faults, paths):
    """A text instead of a list is refused, since it would be read letter by letter."""
    assert faults(mapping, unconfirmed=paths) == [
        f'unconfirmed: {paths!r} is not a list of paths: write ["timezone"] or the like, or leave it out'
    ]


def test_mapping_is_shown_with_guesses_only_where_it_has_some(mapping):
    """The repr of a mapping without guesses leaves `unconfirmed` out."""
    assert "unconfirmed" not in repr(mapping())
    assert repr(mapping(unconfirmed=["timezone"])).endswith(", unconfirmed=('timezone',))")


def test_mapping_with_guesses_is_another_mapping(mapping):
    """Mappings with different guesses are not equal."""
    assert mapping(unconfirmed=("timezone",)) != mapping()
    assert mapping(unconfirmed=["timezone"]) == mapping(unconfirmed=("timezone",))
