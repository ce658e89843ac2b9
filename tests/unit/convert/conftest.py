"""Fixtures: what a column becomes under a rule, with a valid mapping around it."""

import json

import pandas as pd
import pytest

from events_pandas.convert import Converter
from events_pandas.mapping import Constant, EventMapping, Number, bind

INSTANT = 1_700_000_000


@pytest.fixture
def convert():
    """Return a function that converts a frame; what the mapping does not name is valid and the same in every row."""

    def convert(frame, *, event_name="placed-order", created_at=None, timezone="UTC", **fields):
        if not fields.keys() & {"user_id", "id", "email"}:
            fields["user_id"] = Constant("ada")
        mapping = EventMapping(
            event_name=event_name,
            created_at=Constant(INSTANT) if created_at is None else created_at,
            timezone=timezone,
            **fields,
        )
        return Converter(bind(frame, mapping)).convert(0, len(frame))

    return convert


@pytest.fixture
def payloads():
    """Return a function that gives the payloads of a batch's valid rows, parsed."""

    def payloads(batch):
        return [json.loads(payload) for payload in batch.payloads(batch.valid).to_pylist()]

    return payloads


@pytest.fixture
def codes():
    """Return a function that gives the codes found in a batch, each with its rows."""

    def codes(batch):
        return [(finding.code, finding.rows.tolist()) for finding in batch.findings]

    return codes


@pytest.fixture
def outcome(payloads):
    """Return a function that gives for each row what is sent, or the code of the error that prevents it."""

    def outcome(batch, pick):
        sent = iter(payloads(batch))
        errors = {
            row: finding.code for finding in batch.findings if finding.severity == "error" for row in finding.rows
        }
        return [pick(next(sent)) if is_valid else f"!{errors[row]}" for row, is_valid in enumerate(batch.valid)]

    return outcome


@pytest.fixture
def becomes(convert, outcome):
    """Return a function that gives what a metadata rule makes of each cell of a column named "x".

    A value is given as it is sent, an absent one as None, and one that cannot be sent as its code with an exclamation
    mark.
    """

    def becomes(rule, values, *, timezone="UTC"):
        frame = pd.DataFrame({"x": values})
        # A date's key must end in "_at", and a number's must not: Intercom would take it for a date.
        key = "value" if isinstance(rule, Number) else "value_at"
        batch = convert(frame, metadata={key: rule}, timezone=timezone)
        return outcome(batch, lambda payload: payload.get("metadata", {}).get(key))

    return becomes


@pytest.fixture
def identifies(convert, outcome):
    """Return a function that gives what is sent as `user_id` for each cell of a column, in the same words."""

    def identifies(values):
        batch = convert(pd.DataFrame({"x": values}), user_id="x")
        return outcome(batch, lambda payload: payload["user_id"])

    return identifies
