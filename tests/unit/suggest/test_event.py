"""The proposal of the event's own fields: its time, its contact and its name."""

import datetime as dt

import pandas as pd
import pytest

from events_pandas.errors import MappingError
from events_pandas.mapping import Column, Constant, Date
from events_pandas.suggest.event import event_choices
from events_pandas.suggest.survey import survey

HEX = ["507f1f77bcf86cd799439011", "507f191e810c19729de860ea"]
EMAILS = ["ada@example.org", "ben@example.org"]
CODES = ["u1", "u2"]
TIMES = ["2024-03-01T10:30:00Z", "2024-03-02T10:30:00Z"]
DAYS = ["2024-03-01", "2024-03-02"]


@pytest.fixture
def choose():
    """Return a function that proposes the fields of an event for columns beside a time and a contact."""

    def choose(**columns):
        frame = pd.DataFrame(columns, dtype=object)
        if not {"user_id", "who"} & set(columns):
            frame["user_id"] = CODES
        if "at" not in columns:
            frame["at"] = TIMES
        return {choice.path: choice for choice in event_choices(survey(frame.drop(columns="who", errors="ignore")))}

    return choose


@pytest.fixture
def identifiers(choose):
    """Return a function that proposes identifiers for the given columns only."""

    def identifiers(columns):
        chosen = choose(who=CODES, **columns)
        return {path: chosen[path].entry for path in ("user_id", "id", "email") if path in chosen}

    return identifiers


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"customer_id": CODES}, {"user_id": "customer_id"}),
        ({"User ID": [1, 2]}, {"user_id": "User ID"}),
        ({"customer_id": [1.0, None]}, {"user_id": "customer_id"}),
        ({"Identifiant client": CODES}, {"user_id": "Identifiant client"}),
        ({"user identifier": CODES}, {"user_id": "user identifier"}),
        ({"customer": CODES, "userId": CODES}, {"user_id": "userId"}),
        ({"order_id": CODES, "contact_no": CODES}, {"user_id": "contact_no"}),
        ({"id": CODES, "customer_id": CODES}, {"user_id": "customer_id"}),
        ({"id": CODES}, {"user_id": "id"}),
        ({"id": CODES, "email": EMAILS}, {"email": "email"}),
        ({"Email": EMAILS}, {"email": "Email"}),
        ({"x": EMAILS}, {"email": "x"}),
        ({"agent_email": EMAILS, "customer_email": EMAILS}, {"email": "customer_email"}),
        ({"customer_id": CODES, "email": EMAILS}, {"user_id": "customer_id", "email": "email"}),
        ({"user_id": EMAILS}, {"email": "user_id"}),
        ({"user_id": EMAILS, "email": EMAILS}, {"user_id": "user_id", "email": "email"}),
        ({"user_id": ["a b", "c d"]}, {"user_id": "user_id"}),
        ({"id": HEX}, {"id": "id"}),
        ({"contact_id": HEX, "order_id": HEX}, {"id": "contact_id"}),
        ({"intercom_id": CODES, "user_id": CODES}, {"user_id": "user_id", "id": "intercom_id"}),
        ({"intercom_user_id": HEX}, {"id": "intercom_user_id"}),
    ],
)
def test_identifiers_are_found_by_name_and_content(identifiers, columns, expected):
    """A column that is named for the contact is best; addresses and Intercom's identifiers show by their look."""
    assert identifiers(columns) == expected


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"company_id": CODES, "user_id": CODES}, {"user_id": "user_id"}),
        ({"account_id": CODES, "email": EMAILS}, {"email": "email"}),
        ({"account_id": HEX, "email": EMAILS}, {"email": "email"}),
        ({"account_id": CODES, "client_id": CODES}, {"user_id": "client_id"}),
        ({"account_id": HEX, "customer_id": CODES}, {"user_id": "customer_id"}),
        ({"account_id": CODES}, {"user_id": "account_id"}),
        ({"id": HEX, "email": EMAILS}, {"email": "email"}),
        ({"id": HEX, "customer_id": CODES}, {"user_id": "customer_id"}),
        ({"admin_user_id": CODES, "customer_no": CODES}, {"user_id": "customer_no"}),
        ({"staff_member_id": CODES, "email": EMAILS}, {"email": "email"}),
        ({"agent_uid": CODES, "owner_id": CODES, "created_by": CODES, "email": EMAILS}, {"email": "email"}),
        ({"assigned_to_user_id": CODES, "team_id": CODES, "username": CODES}, {"user_id": "username"}),
        ({"order_uid": CODES, "id": CODES}, {"user_id": "id"}),
        ({"company_external_id": CODES, "external_id": CODES}, {"user_id": "external_id"}),
        ({"intercom_company_id": HEX, "intercom_contact_id": HEX}, {"id": "intercom_contact_id"}),
        ({"company_email": EMAILS, "email": EMAILS}, {"email": "email"}),
        ({"company_email": EMAILS, "user_id": CODES}, {"user_id": "user_id"}),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_identifiers_of_companies_and_staff_are_not_the_contacts(identifiers, columns, expected, order):
    """The contact's own identifier is taken in any order of the columns, and an account's only if it is alone."""
    assert identifiers(dict(list(columns.items())[::order])) == expected


@pytest.mark.parametrize(
    ("columns", "guesses"),
    [
        ({"user_id": CODES}, []),
        ({"Kundennummer": CODES}, []),
        ({"external_id": CODES}, []),
        ({"email": EMAILS}, []),
        ({"customer_email": EMAILS}, []),
        ({"user_id": EMAILS}, []),
        ({"intercom_id": HEX}, []),
        ({"user_id": CODES, "email": EMAILS}, []),
        ({"id": CODES}, ["user_id"]),
        ({"account_id": CODES}, ["user_id"]),
        ({"client_id": CODES}, ["user_id"]),
        ({"customer": CODES}, ["user_id"]),
        ({"user_id": HEX}, ["id"]),
        ({"billing_email": EMAILS}, ["email"]),
        ({"x": EMAILS}, ["email"]),
    ],
)
def test_identifier_is_a_guess_where_its_name_leaves_a_doubt(choose, columns, guesses):
    """An identifier that may belong to an account, a row, a browser or another person is a guess."""
    chosen = choose(who=CODES, **columns)

    assert [guess for path in ("user_id", "id", "email") if path in chosen for guess in chosen[path].guesses] == guesses


@pytest.mark.parametrize(
    ("columns", "guesses"),
    [
        ({"created_at": TIMES}, []),
        ({"created_at": TIMES, "ordered_at": TIMES}, []),
        ({"ordered_at": TIMES, "paid_at": TIMES}, ["created_at"]),
        ({"updated_at": TIMES}, ["created_at"]),
        ({"day": ["31.12.2024", "05.06.2024"]}, []),
        ({"day": ["05.06.2024", "06.06.2024"]}, ["created_at.format"]),
        ({"updated": ["05.06.2024", "06.06.2024"]}, ["created_at", "created_at.format"]),
        ({"time": [1_700_000_000_000, 1_700_000_001_000]}, []),
        ({"day": [19970101, 19970112]}, []),
    ],
)
def test_created_at_is_a_guess_where_something_else_is_as_likely(choose, columns, guesses):
    """The time is a guess if another column or another order of day and month is as likely."""
    assert list(choose(at=CODES, **columns)["created_at"].guesses) == guesses


def test_created_at_names_the_times_that_are_as_likely(choose):
    """The reason names the other columns that may be the time."""
    choice = choose(at=CODES, ordered_at=TIMES, paid_at=TIMES, signed_at=TIMES)["created_at"]

    assert choice.entry == "ordered_at"
    assert choice.reason == (
        "times as text, with a zone (ISO 8601); it may also be 'paid_at' or 'signed_at': is this the right time?"
    )


@pytest.mark.parametrize(
    ("columns", "guesses"),
    [
        ({"event": ["a", "b"]}, ()),
        ({"ordered_at": TIMES}, ("event_name",)),
        ({"created_at": TIMES}, ()),
    ],
)
def test_event_name_is_a_guess_where_the_time_gives_it(choose, columns, guesses):
    """A name from the label of the time is a guess; a column or a placeholder is not."""
    assert choose(at=CODES if "event" not in columns else TIMES, **columns)["event_name"].guesses == guesses


@pytest.mark.parametrize(
    "columns", [{"user": ["Ada L.", "Ben K."]}, {"order_id": HEX}, {"agent_email": EMAILS}, {"x": CODES}]
)
def test_identifiers_of_other_things_are_refused(choose, columns):
    """Names, orders and other people do not identify the contact."""
    with pytest.raises(MappingError, match="user_id: no column looks like the contact's"):
        choose(who=CODES, **columns)


def test_created_at_alone_may_be_missing(choose):
    """The error names only the missing fields."""
    with pytest.raises(MappingError, match=r"^created_at: no column looks like the time of an event: ") as error:
        choose(at=CODES)

    assert len(error.value.faults) == 1


def test_identifier_is_the_most_varied_code_when_labels_say_nothing():
    """If labels are numbers, the content of the columns decides, and the reason asks to check the choice."""
    frame = pd.DataFrame([["00001", "19970101", "1", "11.77"], ["00002", "19970112", "1", "12.00"]])

    chosen = {choice.path: choice for choice in event_choices(survey(frame))}

    assert chosen["user_id"].entry == 0
    assert chosen["user_id"].reason == (
        "text, 2 different: its label says nothing, so make sure that it names the contact"
    )


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"created_at": TIMES, "ordered_at": TIMES}, "created_at"),
        ({"updated_at": TIMES, "ordered_at": TIMES}, "ordered_at"),
        ({"receivedAt": TIMES, "timestamp": TIMES}, "timestamp"),
        ({"x": TIMES, "day": DAYS}, "day"),
        ({"order_date": DAYS, "order_time": TIMES}, "order_time"),
        ({"placed_at": TIMES, "ordered_at": TIMES}, "placed_at"),
        ({"Created (UTC)": ["2024-03-01 10:30"] * 2}, Date("Created (UTC)", timezone="UTC")),
        ({"day": [19970101, 19970112]}, Date("day", format="%Y%m%d")),
        ({"time": [1_700_000_000_000, 1_700_000_001_000]}, Date("time", unit="ms")),
    ],
)
def test_created_at_is_the_likeliest_time_of_the_event(choose, columns, expected):
    """Names decide, then whether there is a time of day, then the order of the columns."""
    assert choose(at=CODES, **columns)["created_at"].entry == expected


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"timestamp": TIMES}, "times as text, with a zone (ISO 8601)"),
        (
            {"timestamp": [TIMES[0], None]},
            "times as text, with a zone (ISO 8601); missing in 1 of the rows looked at",
        ),
        (
            {"updated_at": TIMES},
            (
                "times as text, with a zone (ISO 8601); its name suggests something later than the event: "
                "is this the right time?"
            ),
        ),
    ],
)
def test_created_at_says_what_may_be_wrong(choose, columns, reason):
    """The reason names gaps, and a label of another time."""
    assert choose(at=CODES, **columns)["created_at"].reason == reason


def test_created_at_says_that_days_make_duplicates(choose):
    """The reason mentions duplicates of days as long as `duplicates` is the default."""
    choice = choose(at=CODES, day=DAYS)["created_at"]

    assert choice.reason == "days as text (ISO 8601)"
    assert choice.about_duplicates == (
        "; events of one contact on one day share a second, and Intercom keeps the first: see duplicates"
    )


def test_created_at_may_be_of_mixed_kinds(choose):
    """A column of objects may hold times with and without a zone, days and text."""
    mixed = [pd.Timestamp(TIMES[0]), pd.Timestamp("2024-03-01 10:30"), dt.date(2024, 3, 1), TIMES[0]]

    choice = choose(at=CODES * 2, paid_at=mixed, user_id=CODES * 2, day=DAYS * 2)["created_at"]

    assert choice.entry == "paid_at"
    assert choice.reason == "times of mixed kinds (datetimes, dates, text), a part with and a part without a zone"


@pytest.mark.parametrize(
    ("identifiers", "kind", "advice"),
    [
        (
            [42.0, None],
            "whole numbers that came as floats, 1 different; missing in 1 of the rows looked at",
            'read the column as text (dtype=str): a "42.0" in a CSV file is sent as it stands, and matches no contact',
        ),
        (
            ["1234.0", "1235"],
            "whole numbers as text that came as floats, 2 different",
            '"42.0" is sent as it stands, and matches no contact: write the column as whole numbers',
        ),
    ],
)
def test_user_id_says_that_it_came_as_floats(choose, identifiers, kind, advice):
    """The reason warns of whole numbers that became floats; as text they match no contact, and somebody has to look."""
    choice = choose(**{"who": CODES, "Customer ID": identifiers})["user_id"]

    assert choice.entry == "Customer ID"
    assert choice.reason == f"{kind}; its name says that it is the contact's; {advice}"
    assert choice.guesses == (("user_id",) if "as text" in kind else ())


def test_user_id_error_does_not_ask_for_a_sure_name_twice():
    """If a column with a sure name has wrong values, the error does not ask for another name."""
    frame = pd.DataFrame({"customer_id": [1.5, 2.5], "ordered_at": TIMES})

    with pytest.raises(MappingError) as error:
        event_choices(survey(frame))

    assert list(error.value.faults) == [
        (
            "user_id: no column looks like the contact's user_id, id or email: write the mapping yourself: "
            "there are 'customer_id' (numbers), 'ordered_at' (times)"
        )
    ]


def test_email_says_how_many_are_not_addresses(choose):
    """The reason has the share of values that are not addresses."""
    choice = choose(who=CODES * 2, at=TIMES * 2, contact=[*EMAILS, "n/a", "eve@example.org"])["email"]

    assert choice.reason == "email addresses; 25 % of those looked at are not"


@pytest.mark.parametrize(
    ("columns", "entry", "reason"),
    [
        ({"event": CODES}, Column("event"), "text with 2 different values; its name says that it names the event"),
        ({"action": CODES, "event_name": CODES}, Column("event_name"), None),
        (
            {"ordered_at": TIMES, "at": CODES},
            "ordered",
            "a guess from 'ordered_at': replace it with what happened, such as \"placed-order\"",
        ),
        (
            {"event": [1, 2]},
            "replace-me",
            "no column names the event: replace it, or nothing can be submitted",
        ),
        ({"ordered_at": TIMES, "at": CODES, "ordered": CODES}, Constant("ordered"), None),
        ({"replace-me": CODES}, Constant("replace-me"), None),
    ],
)
def test_event_name_is_a_column_or_to_be_replaced(choose, columns, entry, reason):
    """A literal name is marked as a guess, and is a Constant if a column has the same name."""
    choice = choose(**columns)["event_name"]

    assert choice.entry == entry
    assert reason in {None, choice.reason}


def test_event_name_is_not_a_column_with_more_names_than_a_workspace_may_have():
    """A column with more than 120 values, Intercom's limit of names, is not the event name."""
    events = [f"e{number}" for number in range(121)]
    frame = pd.DataFrame({"event": events, "user_id": events, "created_at": TIMES[0]})

    assert event_choices(survey(frame))[0].entry == "replace-me"


NEAR = ["2024-01-31 10:00", "tbd", "open", "x", None, ""]


@pytest.mark.parametrize(
    ("columns", "nearest"),
    [
        ({"when": NEAR}, "nearest is 'when' (3 of 4 cells are not times, such as 'tbd')"),
        ({"bought": ["31.12.2024", "tbd"]}, "nearest is 'bought' (1 of 2 cells are not times, such as 'tbd')"),
        (
            {"at": ["31.12.2024 14:05", "31.12.2024 14:05:33"]},
            (
                "nearest is 'at' (1 cell written '%d.%m.%Y %H:%M', such as '31.12.2024 14:05' "
                "and 1 cell written '%d.%m.%Y %H:%M:%S', such as '31.12.2024 14:05:33')"
            ),
        ),
        (
            {"at": ["31.12.2024", "1.12.2024", "2024-12-31 14:05", "2024-12-30 14:05", "soon"]},
            (
                "nearest is 'at' (2 cells written as ISO 8601, such as '2024-12-31 14:05' "
                "and 2 cells written '%d.%m.%Y', such as '31.12.2024'; "
                "1 of 5 cells are not times, such as 'soon')"
            ),
        ),
        ({"at": ["soon", "later"]}, "nearest is 'at' (2 of 2 cells are not times, such as 'soon')"),
        ({"at": ["\ud800"]}, "nearest is 'at' (1 of 1 cells are not times, such as '\\ud800')"),
        (
            {"date": [45292, 45293]},
            (
                "nearest is 'date' (numbers such as 45292, which look like day numbers from Excel: "
                "format them as dates and export them again)"
            ),
        ),
        (
            {"date": ["17", "18"]},
            "nearest is 'date' (numbers such as 17, which do not count seconds, milliseconds or the like since 1970)",
        ),
        (
            {"date": ["", "45.292,5"]},
            (
                "nearest is 'date' (numbers such as 45.292,5, "
                "which do not count seconds, milliseconds or the like since 1970)"
            ),
        ),
        ({"dob": DAYS}, "nearest is 'dob' (its name suggests a date of birth)"),
        (
            {"at": ["soon"] * 4, "due": ["tbd", "open", "x", *DAYS[:1]], "note": ["a"] * 4, "dob": DAYS * 2},
            (
                "nearest are 'due' (3 of 4 cells are not times, such as 'tbd'), "
                "'at' (4 of 4 cells are not times, such as 'soon'), 'dob' (its name suggests a date of birth)"
            ),
        ),
    ],
)
def test_error_without_a_time_names_what_comes_nearest_to_one(columns, nearest):
    """The analyst learns which cells to correct; the column with the most times comes first."""
    length = len(next(iter(columns.values())))
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(length)], **columns}, dtype=object)

    with pytest.raises(MappingError) as error:
        event_choices(survey(frame))

    (fault,) = error.value.faults
    assert fault.startswith(
        f"created_at: no column looks like the time of an event: {nearest}: correct the cells, or write the mapping "
        "yourself: there are 'user_id' (text), "
    )


@pytest.mark.parametrize("odd", ["u1 ", "\u200bu1", "u1\u00a0", "\u3000u1"])
def test_identifier_says_that_its_ends_may_be_stripped(choose, odd):
    """A check would refuse such identifiers: the reason names the option that removes what nobody sees."""
    advice = "some have blanks or invisible characters at an end: set strip_identifiers to remove them"

    assert choose(user_id=[odd, "u2"])["user_id"].reason.endswith(f"; {advice}")
    assert advice not in choose(user_id=CODES)["user_id"].reason
