"""The sandbox's workspace against a model of a dozen lines, and its counts against counting again."""

import json
from collections import Counter
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.sandbox.endpoints.history import LISTED_SECONDS, contact_events
from events_pandas.sandbox.endpoints.routes import Request, find_endpoint
from events_pandas.sandbox.page.questions import SubmissionFilter, count_days, count_outcomes
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome, Workspace

NOW = 1_700_000_000
USERS = [{"external_id": name, "email": f"{name}@example.com", "id": f"id-{name}"} for name in ("ada", "bob")]

contacts = st.sampled_from(["ada", "bob", "nobody"])
named = st.one_of(
    st.builds(lambda name: (name, {"user_id": name}), contacts),
    st.builds(lambda name: (name, {"email": f"{name}@Example.com"}), contacts),
    st.builds(lambda name: (name, {"id": f"id-{name}"}), contacts),
)
seconds = st.one_of(
    st.integers(NOW - 3, NOW), st.integers(NOW - LISTED_SECONDS - 1, NOW - LISTED_SECONDS + 1), st.integers(-90_000, 1)
)
submissions = st.lists(st.tuples(named, st.sampled_from(["Paid.It", "paid-it", "left"]), seconds, st.booleans()))


def submit(workspace, *, identifier, event_name, created_at, is_answered) -> str:
    body = {"event_name": event_name, "created_at": created_at, **identifier}
    verdict = workspace.submit(json.dumps(body).encode(), received_at=float(NOW), is_answered=is_answered)
    return verdict if isinstance(verdict, SubmissionOutcome) else "refused"


@settings(deadline=None)
@given(submissions)
def test_workspace_keeps_one_event_per_contact_name_and_second(sent) -> None:
    """A contact (by any identifier), a normalized name and a second identify an event, and repeats are counted."""
    workspace, model, outcomes, expected = Workspace(contacts=InitialContacts(existing=USERS)), Counter(), [], []

    for (contact, identifier), event_name, created_at, is_answered in sent:
        outcome = submit(
            workspace, identifier=identifier, event_name=event_name, created_at=created_at, is_answered=is_answered
        )
        outcomes.append(outcome)
        key = (contact, event_name.lower().replace(".", "-"), created_at)
        expected.append("refused" if contact == "nobody" else "duplicate" if key in model else "kept")
        model[key] += contact != "nobody"

    model = +model
    assert outcomes == expected
    assert [(event.event_name, event.created_at, event.times_received) for event in workspace.events()] == [
        (name, created_at, times) for (_, name, created_at), times in model.items()
    ]
    assert workspace.requests() == len(sent)
    assert workspace.duplicates() == outcomes.count("duplicate")


@settings(deadline=None)
@given(submissions, st.sets(st.integers(0, 30)))
def test_counts_match_the_submissions_at_any_moment(sent, asked) -> None:
    """The counts of the page equal the counts of all submissions, at any moment."""
    workspace = Workspace(contacts=InitialContacts(existing=USERS))
    for number, ((_, identifier), event_name, created_at, is_answered) in enumerate(sent):
        submit(workspace, identifier=identifier, event_name=event_name, created_at=created_at, is_answered=is_answered)
        if number in asked or number == len(sent) - 1:
            days = Counter(
                (event.created_at // 86_400 if event.created_at >= 0 else None, event.event_name)
                for event in workspace.events()
            )
            outcomes = Counter((one.outcome, one.http_status or 0) for one in workspace.submissions())
            with workspace.store.reading() as connection:
                assert sorted(count_outcomes(connection)) == sorted((*key, count) for key, count in outcomes.items())
                counted = count_days(connection, contact=None, selection=SubmissionFilter())
            assert len(counted) == len(days)
            assert {(day, name): count for day, name, count in counted} == days


@settings(deadline=None)
@given(submissions, st.integers(1, 5))
def test_list_shows_each_event_of_ninety_days_once(sent, per_page) -> None:
    """The pages of a list have each event younger than 90 days once, from the newest to the oldest."""
    workspace = Workspace(contacts=InitialContacts(existing=USERS))
    for (_, identifier), event_name, created_at, is_answered in sent:
        submit(workspace, identifier=identifier, event_name=event_name, created_at=created_at, is_answered=is_answered)

    listed, query = [], {"type": "user", "user_id": "ada", "per_page": str(per_page)}
    while query:
        answer = contact_events(workspace, query, url="", now=NOW)
        listed += [(event["created_at"], event["event_name"]) for event in answer["events"]]
        query = dict(parse_qsl(urlsplit(answer["pages"].get("next", "")).query))

    expected = {
        (created_at, event_name.lower().replace(".", "-"))
        for (contact, _), event_name, created_at, _ in sent
        if contact == "ada" and created_at > NOW - LISTED_SECONDS
    }
    assert sorted(listed) == sorted(expected)
    assert [second for second, _ in listed] == sorted((second for second, _ in listed), reverse=True)


numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats())
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.text(max_size=5), st.sampled_from(["ada", "AND", "=", "role"])
)
fields = st.sampled_from(
    [
        "event_name", "created_at", "user_id", "id", "email", "metadata", "type", "price", "amount", "currency", "url",
        "event_summaries", "count", "first", "last", "role", "external_id", "custom_attributes", "query", "field",
        "operator", "value", "pagination", "per_page", "starting_after", "sort", "order", "summary", "before",
    ]
)  # fmt: skip
json_values = st.recursive(
    scalars, lambda values: st.lists(values, max_size=3) | st.dictionaries(fields, values), max_leaves=8
)
bodies = st.one_of(
    st.binary(max_size=20),
    st.dictionaries(fields, json_values, max_size=6).map(lambda payload: json.dumps(payload).encode()),
)


@settings(deadline=None)
@given(bodies, st.dictionaries(fields, st.text(max_size=5), max_size=4))
def test_endpoints_answer_any_request(body, query) -> None:
    """An endpoint answers every body and address without an error of its own, and refuses senseless ones."""
    workspace = Workspace(contacts=InitialContacts(existing=USERS))

    workspace.submit(body, received_at=float(NOW))
    for method, path in (
        ("GET", "/events"),
        ("POST", "/events/summaries"),
        ("POST", "/contacts"),
        ("POST", "/contacts/search"),
    ):
        request = Request(method=method, path=path, query=query, body=body, base_url="", now=float(NOW))
        answer = find_endpoint(method, path)(workspace, request)
        assert answer.status in {200, 400, 404, 409, 422}
