"""The tables of the documentation are true: dtypes, codes, statuses, columns, exceptions, rules and options."""

import datetime as dt
import decimal
import inspect
import json
import re
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

import events_pandas as ep
from events_pandas.cli import app
from events_pandas.cli.command import DOCUMENTS
from events_pandas.cli.endings import EXIT_CODES
from events_pandas.convert import CODES
from events_pandas.results.arrival import POSSIBLY_MISSING, ArrivalStatus
from events_pandas.sources.decompression import COMPRESSIONS
from events_pandas.sources.source_file import SUFFIXES

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
DOCS = Path(__file__).parents[2] / "docs"


def table(page, heading):
    """Return the rows of the first table under a heading of a page in docs/, each as a dict by column."""
    section = (DOCS / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    lines = [line for line in section.partition("\n#")[0].splitlines() if line.startswith("|")]
    header, _, *rows = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]


def column(dtype, value):
    """Make a column of one cell, with the dtype and the value that the table names."""
    cell = eval(value, VALUES)
    if dtype == "category":
        return pd.Series([cell]).astype("category")
    return pd.Series([cell], dtype=dtype)


def outcome(frame, mapping, pick):
    """Say how the one row is sent, in the words of the table."""
    report = ep.check_events(frame, mapping)
    errors = report.problems.loc[report.problems["severity"] == "error", "code"].tolist()
    return f"*{errors[0]}*" if errors else pick(report.payloads(1)[0])


def shown(value):
    return "absent" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def as_identifier(values):
    mapping = ep.EventMapping(event_name="e", created_at=ep.Constant(SECOND), user_id="x")
    return outcome(pd.DataFrame({"x": values}), mapping, lambda event: shown(event["user_id"]))


def under_rule(values, rule):
    # Dates need _at, numbers may not have it.
    key = "value" if isinstance(rule, ep.Number) else "value_at"
    mapping = ep.EventMapping(
        event_name="e", created_at=ep.Constant(SECOND), user_id=ep.Constant("ada"), metadata={key: rule}, timezone="UTC"
    )

    def pick(event):
        value = event.get("metadata", {}).get(key)
        return shown(value["amount"] if isinstance(value, dict) else value)

    return outcome(pd.DataFrame({"x": values}), mapping, pick)


def pytest_generate_tests(metafunc):
    """Make a test for each dtype of each row of the table."""
    if "dtype_row" in metafunc.fixturenames:
        rows = table("types.md", "What becomes of each dtype")
        cases = [(name, row) for row in rows for name in re.findall("`([^`]+)`", row["dtype"])]
        metafunc.parametrize(("dtype", "dtype_row"), cases, ids=[f"{name}, {row['value']}" for name, row in cases])


def test_dtype_has_the_documented_result(dtype, dtype_row):
    """Under each rule, every dtype has the result in the table: it is sent, or its error code is named."""
    values = column(dtype, dtype_row["value"].strip("`"))

    found = {"identifier": as_identifier(values)} | {name: under_rule(values, rule) for name, rule in RULES.items()}

    assert found == {name: dtype_row[name] for name in found}


def test_documentation_lists_every_code_in_its_order():
    """Every code is documented with severity, cause and cure, in the order that decides a row's code."""
    documented = table("checks.md", "Codes")

    assert documented == [
        {"code": f"`{name}`", "severity": code.severity, "cause": code.cause, "cure": code.cure}
        for name, code in CODES.items()
    ]


def code_of(cell):
    """Return the text between backticks in a cell of a table."""
    return re.findall("`([^`]+)`", cell)


@pytest.fixture
def results(fake_client, make_orders, mapping):
    return ep.submit_events(make_orders(), mapping, client=fake_client(), journal=None, progress=False)


def test_documentation_lists_every_status_in_its_order(results):
    """The table lists every status of a row, in the sorting order of results."""
    documented = [row["status"].strip("`") for row in table("results.md", "Statuses")]

    assert documented == list(results["status"].cat.categories)


def test_documentation_lists_every_column_of_the_results(results):
    """The table lists the columns of the results in their order, each with its dtype."""
    documented = {row["column"].strip("`"): row["dtype"].strip("`") for row in table("results.md", "Columns")}

    assert documented == {name: str(dtype) for name, dtype in results.dtypes.items()}
    assert list(documented) == list(results.columns)


def test_documentation_lists_the_columns_of_files_and_of_contacts(fake_client, mapping, tmp_path):
    """The tables list the further columns, in their order and each with its dtype."""
    (tmp_path / "a.csv").write_text("who,day\n1,2024-01-31\n")
    client = fake_client()
    results = ep.submit_file(tmp_path / "a.csv", mapping, client=client, journal=None, include_identifier=True)

    rows = [*table("results.md", "Columns on request"), *table("results.md", "Columns of files")]
    assert {row["column"].strip("`"): row["dtype"].strip("`") for row in rows} == {
        name: str(dtype) for name, dtype in results.dtypes.iloc[-4:].items()
    }
    assert [row["column"].strip("`") for row in rows] == list(results.columns[-4:])


def test_documentation_lists_every_status_of_a_verification():
    """The table lists the statuses of the events drawn in their order, and says which count as possibly missing."""
    rows = table("verify.md", "Statuses")

    assert [row["status"].strip("`") for row in rows] == list(ArrivalStatus)
    assert [row["status"].strip("`") for row in rows if row["in the bound"] == "may be missing"] == list(
        POSSIBLY_MISSING
    )


def test_documentation_lists_the_options_of_verify():
    """The table has the keywords of `verify` with their defaults, but for the client."""
    options = [
        f"{name}={each.default!r}".replace("'", '"')
        for name, each in inspect.signature(ep.verify).parameters.items()
        if each.kind is each.KEYWORD_ONLY
    ]

    documented = [code for row in table("verify.md", "Read back a sample") for code in code_of(row["option"])]

    assert ["client=None", *documented] == options


def test_documentation_lists_every_exception():
    """The table lists every exception that a user can catch, and says if it has results."""
    rows = table("results.md", "Exceptions")
    public = {name for name in ep.__all__ if inspect.isclass(value := getattr(ep, name)) and is_exception(value)}

    assert {name for row in rows for name in code_of(row["exception"] + row["raised when"]) if name in public} == (
        public - {"EventsPandasError"}
    )
    assert {code_of(row["exception"])[0] for row in rows if row["`results`"]} == {
        name for name in public if issubclass(getattr(ep, name), ep.SubmissionError | ep.SubmissionInterrupted)
    }


def is_exception(value):
    return issubclass(value, BaseException)


def rule_rows():
    return [row for row in table("mapping.md", "Rules") if row["in TOML"]]


@pytest.mark.parametrize("row", rule_rows(), ids=lambda row: row["in Python"])
def test_rule_is_written_as_the_documentation_says(row):
    """A rule in the table is the same rule in Python and in TOML."""
    rule = eval(row["in Python"].strip("`"), {"ep": ep})
    key = "key_at" if isinstance(rule, ep.Date) else "key"  # Dates need _at, numbers may not have it.
    mapping = ep.EventMapping(event_name="e", created_at="at", user_id="who", metadata={key: rule})

    assert f"{key} = {row['in TOML'].strip('`')}\n" in mapping.to_toml()


def test_documentation_lists_every_part_of_a_source():
    """The table lists the parameters of `SourceFormat`."""
    documented = [code_of(row["part"])[0] for row in table("mapping.md", "How files are written")]

    assert documented == list(inspect.signature(ep.SourceFormat).parameters)


def test_documentation_lists_every_option_of_a_mapping():
    """The table lists the parameters of `EventMapping` with their defaults."""
    parameters = inspect.signature(ep.EventMapping).parameters.values()
    options = {each.name: each.default for each in parameters if each.default is not each.empty}

    documented = [code_of(row["option"])[0] for row in table("mapping.md", "Options")]

    fields = {"user_id", "id", "email", "metadata", "source"}
    assert documented == [
        f"{name}={default!r}".replace("'", '"') for name, default in options.items() if name not in fields
    ]


def test_documentation_lists_every_option_of_a_run():
    """The table lists the options of `SubmitOptions` with their defaults."""
    defaults = re.findall(r"^\s*(\w+) : .*, default (.+)$", ep.SubmitOptions.__doc__, flags=re.MULTILINE)

    documented = [code_of(row["option"])[0] for row in table("submitting.md", "Options")]

    assert [name for name, _ in defaults] == list(ep.SubmitOptions.__annotations__)
    assert documented == [f"{name}={default}" for name, default in defaults]


def test_documentation_lists_every_command():
    """The documentation lists the commands of `events-pandas` in this order."""
    documented = [row["command"].strip("`") for row in table("command-line.md", "Commands")]

    assert documented == list(typer.main.get_command(app).commands)


def test_documentation_lists_every_option_of_submit():
    """The documentation lists the options of `events-pandas submit` in this order."""
    documented = [name for row in table("command-line.md", "Options of submit") for name in code_of(row["option"])]

    parameters = typer.main.get_command(app).commands["submit"].params
    options = [name for each in parameters for name in each.opts + each.secondary_opts if name.startswith("-")]
    assert documented == options


def test_documentation_has_the_exit_codes_of_the_help():
    """The table of exit codes says what `--help` says."""
    documented = {int(row["exit code"]): row["when"] for row in table("command-line.md", "Exit codes")}

    assert documented == {int(code): meaning for code, meaning in EXIT_CODES.items()}


def test_documentation_has_the_keys_of_each_document():
    """The table of documents has all keys, in their order."""
    rows = table("command-line.md", "Documents for programs")

    assert {row["command"].strip("`"): tuple(code_of(row["keys"])) for row in rows} == DOCUMENTS


def test_documentation_has_the_suffixes_of_each_format():
    """The table of formats has the suffixes that a file of each format may have."""
    documented = {
        suffix: row["format"].split(",")[0]
        for row in table("files.md", "Formats")
        for suffix in code_of(row["the name ends in"])
    }

    assert documented == {suffix: file_format.value for suffix, file_format in SUFFIXES.items()}


def test_documentation_has_the_suffixes_of_compressed_files():
    """The page on files names each kind of compression."""
    page = (DOCS / "files.md").read_text(encoding="utf-8")

    section = page.partition("### Compressed files\n")[2].partition(" stand behind")[0]

    assert set(code_of(section)) == COMPRESSIONS
