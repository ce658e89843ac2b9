"""The README's tables of reference are true: what becomes of each dtype, and what can be found wrong with a row."""

import datetime as dt
import decimal
import json
import re
import uuid

import numpy as np
import pandas as pd
import pytest

import events_pandas as ep
from events_pandas.convert import CODES

VALUES = {
    "Decimal": decimal.Decimal,
    "Timestamp": pd.Timestamp,
    "date": dt.date,
    "UUID": uuid.UUID,
    "pd": pd,
    "np": np,
    "nan": np.nan,
}
RULES = {
    "`Text`": ep.Text("x"),
    "`Number`": ep.Number("x"),
    "`Date`": ep.Date("x"),
    "`MonetaryAmount`": ep.MonetaryAmount("x", currency=ep.Constant("usd")),
}
SECOND = 1_700_000_000


def table(document, heading):
    """Return the rows of the first table under a heading, each as a dict by column."""
    section = document.partition(f"### {heading}\n")[2]
    lines = [line for line in section.partition("\n#")[0].splitlines() if line.startswith("|")]
    header, _, *rows = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]


def column(dtype, value):
    """Make a column of one cell, as the table names its dtype and its value."""
    cell = eval(value, VALUES)
    if dtype == "category":
        return pd.Series([cell]).astype("category")
    return pd.Series([cell], dtype=dtype)


def outcome(frame, mapping, pick):
    """Say what is sent of the one row, in the words of the table."""
    report = ep.check_events(frame, mapping)
    errors = report.problems.loc[report.problems["severity"] == "error", "code"].tolist()
    return f"*{errors[0]}*" if errors else pick(report.payloads(1)[0])


def shown(value):
    return "absent" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def as_identifier(values):
    mapping = ep.EventMapping(event_name="e", created_at=ep.Constant(SECOND), user_id="x")
    return outcome(pd.DataFrame({"x": values}), mapping, lambda event: shown(event["user_id"]))


def under_rule(values, rule):
    # A date needs such a key, and a number may not have it.
    key = "value" if isinstance(rule, ep.Number) else "value_at"
    mapping = ep.EventMapping(
        event_name="e", created_at=ep.Constant(SECOND), user_id=ep.Constant("ada"), metadata={key: rule}, timezone="UTC"
    )

    def pick(event):
        value = event.get("metadata", {}).get(key)
        return shown(value["amount"] if isinstance(value, dict) else value)

    return outcome(pd.DataFrame({"x": values}), mapping, pick)


@pytest.fixture(scope="module")
def readme(project):
    return (project / "README.md").read_text(encoding="utf-8")


def pytest_generate_tests(metafunc):
    """Make a test for each dtype of each row of the table."""
    if "dtype_row" in metafunc.fixturenames:
        document = (metafunc.config.rootpath / "README.md").read_text(encoding="utf-8")
        rows = table(document, "What becomes of each dtype")
        cases = [(name, row) for row in rows for name in re.findall("`([^`]+)`", row["dtype"])]
        metafunc.parametrize(("dtype", "dtype_row"), cases, ids=[f"{name}, {row['value']}" for name, row in cases])


def test_dtype_becomes_what_the_readme_says(dtype, dtype_row):
    """Every dtype arrives right or is named, under each rule, as the table has it."""
    values = column(dtype, dtype_row["value"].strip("`"))

    found = {"identifier": as_identifier(values)} | {name: under_rule(values, rule) for name, rule in RULES.items()}

    assert found == {name: dtype_row[name] for name in found}


def test_readme_lists_every_code_in_its_order(readme):
    """Stable codes are documented with severity, cause and cure; the order tells which of several is a row's code."""
    documented = table(readme, "What can be found wrong with a row")

    assert documented == [
        {"code": f"`{name}`", "severity": code.severity, "cause": code.cause, "cure": code.cure}
        for name, code in CODES.items()
    ]
