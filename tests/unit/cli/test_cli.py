"""The command line where it asks nobody: checks, usage, and the one line of each error."""

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from events_pandas import CredentialsError, EventMapping, JournalError
from events_pandas.cli import app
from events_pandas.cli.endings import exit_codes
from events_pandas.cli.local import tell_how_to_submit
from events_pandas.cli.printout import Printout
from events_pandas.wording import Setting

COMMANDS = ("suggest", "check", "preview", "submit", "runs", "sandbox", "demo")
MAPPING = 'event_name = "placed-order"\ncreated_at = "day"\nuser_id = "who"\ntimezone = "UTC"\n'


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder with a mapping and files; one of the files has an invalid row."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "good.csv").write_text("who,day\n00042,2024-01-31\n")
    (tmp_path / "days.csv").write_text("customer_id,day\n00042,2024-01-31\n")
    (tmp_path / "empty.csv").write_text("who,day\n")
    (tmp_path / "notes.csv").write_text("day,note\n2024-01-31,a b\n")
    (tmp_path / "bad.csv").write_text("who,day\n00042,2024-01-31\n00043,never\n")
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_suggest_prints_a_mapping_as_toml(run):
    """Standard output has the TOML only, so that it can be redirected to a file."""
    result = run("suggest", "days.csv")

    assert result.stdout == (
        "# Proposed from 1 row of 'days.csv': read it, change what is wrong, and let events-pandas check judge every "
        "row.\n"
        'event_name = "replace-me"  # no column names the event: replace it, or nothing can be submitted\n'
        'created_at = "day"  # days as text (ISO 8601); events of one contact on one day share a second, and Intercom '
        "keeps the first: see duplicates\n"
        'user_id = "customer_id"  # text, 1 different; its name says that it is the contact\'s\n'
        "# timezone: no zone is known for 'day': UTC, unless you set timezone = \"Europe/Berlin\" or the like\n"
        'unconfirmed = ["timezone"]  # guesses: delete each that you have read, or nothing can be submitted\n'
    )
    assert (result.stderr, result.exit_code) == ("", 0)


@pytest.mark.parametrize("command", ["suggest", "check", "preview", "submit"])
@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("--decimal", "x", "expected '.' or ',', got 'x'"),
        ("--delimiter", ";;", "';;' is not one character that can stand between cells: write ';' or the like"),
        ("--encoding", "rot13", "'rot13' is not an encoding that Python knows: write 'cp1252' or the like"),
        ("--sheet", "", "'' is not the name of a sheet"),
    ],
)
def test_wrong_option_of_a_file_is_named_in_one_line(run, command, option, value, fault):
    """How files are written is judged before any of them is opened, and the line names the option."""
    mapping = () if command == "suggest" else ("-m", "mapping.toml")

    result = run(command, "good.csv", *mapping, option, value)

    assert (result.stdout, result.stderr, result.exit_code) == ("", f"error: {option}: {fault}\n", 2)


def test_options_say_how_a_file_is_written_and_suggest_keeps_them(run, tmp_path):
    """The given delimiter, encoding and decimal sign are read instead of detected ones, and stand in the mapping."""
    (tmp_path / "a.csv").write_bytes("customer_id|day|größe\n00042|2024-01-31|1.234\n".encode("mac_roman"))
    written = ("--delimiter", "|", "--encoding", "mac_roman", "--decimal", ",")
    mapping = MAPPING.replace("who", "customer_id") + '[metadata]\nsize = "größe"\n'
    (tmp_path / "mapping.toml").write_text(mapping, encoding="utf-8")

    suggested = run("suggest", "a.csv", *written)
    shown = run("preview", "a.csv", "-m", "mapping.toml", *written, "--json")
    checked = run("check", "a.csv", "-m", "mapping.toml", *written)

    assert '\ndelimiter = "|"\nencoding = "mac_roman"\ndecimal = ","\n' in suggested.stdout
    assert '"shown": "1234"' in shown.stdout
    assert (checked.stdout.splitlines()[0], checked.exit_code) == ("1 row: 1 valid, 0 invalid, 0 duplicates", 0)


def test_option_of_a_sheet_chooses_it(run, tmp_path):
    """A sheet that is not the first one is read if it is named, and stands in the suggested mapping."""
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"rate": [1]}).to_excel(book, sheet_name="Rates", index=False)
        pd.DataFrame({"customer_id": ["00042"], "day": ["2024-01-31"]}).to_excel(book, sheet_name="Orders", index=False)

    (tmp_path / "mapping.toml").write_text(MAPPING.replace("who", "customer_id"))

    suggested = run("suggest", "a.xlsx", "--sheet", "Orders")
    checked = run("check", "a.xlsx", "-m", "mapping.toml", "--sheet", "Orders")
    missing = run("check", "a.xlsx", "-m", "mapping.toml", "--sheet", "Order")

    assert '\nsheet = "Orders"\n' in suggested.stdout
    assert (checked.stdout.splitlines()[0], checked.exit_code) == ("1 row: 1 valid, 0 invalid, 0 duplicates", 0)
    assert (missing.stderr, missing.exit_code) == (
        "error: a.xlsx: has no sheet 'Order': did you mean 'Orders'?\n",
        2,
    )


def test_suggest_writes_a_mapping_as_utf8(run, tmp_path):
    """The encoding of a redirected file depends on the shell; --output does not."""
    (tmp_path / "tage.csv").write_text("customer_id,day,größe\n00042,2024-01-31,5\n", encoding="utf-8")

    printed, result = run("suggest", "tage.csv"), run("suggest", "tage.csv", "--output", "new.toml")

    assert (result.stdout, result.stderr, result.exit_code) == ("mapping: new.toml\n", "", 0)
    assert (tmp_path / "new.toml").read_bytes() == printed.stdout.encode()
    assert '"größe" = ' in printed.stdout


@pytest.mark.parametrize("name", ["mapping.toml", "days.csv"])
def test_suggest_replaces_no_file(run, tmp_path, name):
    """A mapping that somebody has edited is not overwritten."""
    before = (tmp_path / name).read_text()

    result = run("suggest", "days.csv", "-o", name)

    assert result.stderr == f"error: {name}: exists already, and is not replaced: choose another name\n"
    assert (result.stdout, result.exit_code, (tmp_path / name).read_text()) == ("", 2, before)


def test_suggested_mapping_is_read_as_it_was_meant_with_any_column_names(run, tmp_path):
    """Characters that act on a terminal become escapes of TOML, and no column adds a line."""
    name = "a\x1b[2J\u202e\u2028\x85\nevent_name = 'forged'"
    pd.DataFrame({"customer_id": ["1"], "day": ["2024-01-31"], name: ["x"]}).to_csv("odd.csv", index=False)

    result = run("suggest", "odd.csv", "-o", "new.toml")
    text = (tmp_path / "new.toml").read_text(encoding="utf-8")

    assert result.exit_code == 0
    assert text.replace("\n", "").isprintable()
    assert [rule.source for rule in EventMapping.from_toml(tmp_path / "new.toml").metadata.values()] == [name]


def test_names_of_files_do_nothing_to_a_terminal(run, tmp_path):
    """They are printed with escapes, like texts of cells."""
    name = "a\x1b[2J\nnote forged"
    (tmp_path / f"{name}.csv").write_text("who,day\n1,never\n")

    result = run("check", f"{name}.csv", "none\n.csv", "-m", "mapping.toml")
    checked = run("check", f"{name}.csv", "-m", "mapping.toml", "--problems", f"{name}.txt")

    assert result.stderr == "error: none\\n.csv: there is no such file\n"
    assert checked.stdout.splitlines()[-1] == "findings: a\\u001b[2J\\nnote forged.txt"
    assert "\x1b" not in checked.stdout


def test_findings_of_formulas_are_not_formulas(run, tmp_path):
    """A spreadsheet computes a cell that begins with a sign: a message begins with its field, a value with a quote."""
    (tmp_path / "odd.csv").write_text("who,day\n1,=1+1\n2,@SUM(1)\n3,-1+1\n4,+1\n")

    run("check", "odd.csv", "-m", "mapping.toml", "--problems", "problems.csv")

    problems = pd.read_csv("problems.csv", dtype=str)
    assert problems["value"].tolist() == ["'=1+1'", "'@SUM(1)'", "'-1+1'", "'+1'"]
    assert not problems.map(lambda text: text.startswith(("=", "+", "-", "@"))).to_numpy().any()


def test_findings_replace_a_link_and_not_what_it_names(run, tmp_path):
    """The findings file has the access rights of the rows."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "problems.csv").symlink_to("precious")
    (tmp_path / "bad.csv").chmod(0o600)

    run("check", "bad.csv", "-m", "mapping.toml", "--problems", "problems.csv")

    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "problems.csv").stat().st_mode & 0o777 == 0o600
    assert len(pd.read_csv("problems.csv")) == 1


def test_suggest_looks_at_the_first_rows_of_the_first_file(run, tmp_path):
    """It reads 10,000 rows, and says which."""
    rows = "".join(f"{row:05},2024-01-31\n" for row in range(10_001))
    (tmp_path / "many.csv").write_text(f"customer_id,day\n{rows}")

    result = run("suggest", "many.csv", "good.csv")

    assert result.stdout.startswith(
        "# Proposed from the first 10,000 rows of 'many.csv', the first of 2 files: read it"
    )
    assert "text, 10,000 different" in result.stdout


def test_suggest_counts_the_rows_that_cannot_be_read(run, tmp_path):
    """Their number is the difference to the rows of a check."""
    (tmp_path / "odd.csv").write_text("customer_id,day\n00042,2024-01-31\n00043\n00044,2024-02-01\n")

    result = run("suggest", "odd.csv")

    assert result.stdout.startswith("# Proposed from 2 of 3 rows of 'odd.csv', since 1 row cannot be read: read it")


def test_suggest_names_a_file_that_is_not_there(run):
    """Files that it does not read are looked for."""
    result = run("suggest", "days.csv", "gone.csv")

    assert (result.stdout, result.stderr) == ("", "error: gone.csv: there is no such file\n")


def test_suggest_takes_a_partition_key_for_a_constant_only_if_all_files_have_its_value(run, tmp_path):
    """The names of all folders count, although the rows of one folder are read."""
    for year, region in (("2023", "eu"), ("2024", "eu")):
        folder = tmp_path / "lake" / f"region={region}" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("customer_id,day\n00042,2024-01-31\n00043,2024-01-30\n")

    result = run("suggest", "lake")

    name = str(Path("lake", "region=eu", "year=2023", "a.csv"))
    assert result.stdout.startswith(
        f"# Proposed from 2 rows of {name!r}, the first of 2 files, and the values of 'year' in all folders: read it"
    )
    assert 'year = { type = "number", column = "year" }  # whole numbers as text\n' in result.stdout
    assert result.stdout.endswith(
        "# Left out:\n#   'region': the same in every row looked at: use { constant = … } if you need it\n"
    )


def test_suggest_leaves_out_a_partition_key_that_is_also_a_column(run, tmp_path):
    """Nobody knows which of the two is meant."""
    for year in ("2023", "2024"):
        folder = tmp_path / "lake" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("customer_id,day,year\n00042,2024-01-31,2024\n")

    result = run("suggest", "lake")

    assert result.stdout.endswith("#   'year': 2 columns or index levels have this name: rename all but one\n")


def test_suggest_reads_parquet_with_its_own_types(run, tmp_path):
    """Numbers, times and gaps have the types of the file."""
    columns = {
        "customer_id": pd.array([7, None], dtype="Int64"),
        "paid": pd.to_datetime(["2024-01-31 10:00", "2024-02-01 11:00"]).tz_localize("UTC"),
        "total": [19.99, 5.0],
        "currency": ["EUR", "USD"],
    }
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")

    result = run("suggest", "a.parquet")

    assert result.stdout.splitlines()[2:] == [
        'created_at = "paid"  # times with a zone',
        (
            'user_id = "customer_id"  # whole numbers, 1 different; missing in 1 of the rows looked at; its name says '
            "that it is the contact's"
        ),
        "",
        "[metadata]",
        (
            'total = { type = "monetary_amount", amount = "total", currency = "currency" }  '
            "# an amount with its currency"
        ),
    ]
    assert result.exit_code == 0


def test_check_prints_the_report_and_succeeds_when_every_row_is_valid(run):
    """Exit code 0: every row would be sent."""
    result = run("check", "good.csv", "--mapping", "mapping.toml")

    assert result.stdout == (
        "1 row: 1 valid, 0 invalid, 0 duplicates\n"
        "  contacts    1\n"
        "  event name  'placed-order'\n"
        "  created_at  2024-01-31 00:00:00 UTC\n"
        "  requests    1\n"
    )
    assert result.exit_code == 0


def test_check_fails_when_a_row_is_invalid(run):
    """Exit code 1: some rows would not be sent. Rows are counted over all files."""
    result = run("check", "good.csv", "bad.csv", "-m", "mapping.toml")

    assert result.stdout == (
        "3 rows: 2 valid, 1 invalid, 1 duplicate\n"
        "  contacts    1 of valid rows\n"
        "  event name  'placed-order'\n"
        "  created_at  2024-01-31 00:00:00 UTC\n"
        "  duplicates  1 with the same metadata as an earlier row\n"
        "  requests    1\n"
        "error time_unreadable: 1 row, such as row 2 (bad.csv line 3): created_at: 'never' in column "
        "'day' cannot be read as a time: "
        "write it as 2024-01-31T12:00:00, or give its format (of epoch numbers the unit) in a date rule\n"
        "note duplicate: 1 row, such as row 1 (bad.csv line 2): event: row 0 is the same event to "
        "Intercom (contact, event name and "
        "second), and this row is not sent: drop one of the two, or set duplicates to 'spread' in the mapping if both "
        "happened\n"
    )
    assert result.exit_code == 1


def test_check_writes_all_findings_with_problems(run):
    """--problems has a line for each finding, its row counted over all files."""
    result = run("check", "good.csv", "bad.csv", "-m", "mapping.toml", "--problems", "problems.csv")

    problems = pd.read_csv("problems.csv")
    assert problems[["row", "field", "code", "severity", "value", "source_file"]].to_numpy().tolist() == [
        [1, "event", "duplicate", "note", "row 0", "bad.csv"],
        [2, "created_at", "time_unreadable", "error", "'never'", "bad.csv"],
    ]
    assert result.stdout.splitlines()[-1] == "findings: problems.csv"
    assert result.exit_code == 1


def test_check_tries_the_place_of_the_findings_before_it_reads_a_row(run):
    """A path that cannot be written is reported before the check."""
    result = run("check", "good.csv", "-m", "mapping.toml", "--problems", "no/problems.csv")

    assert result.stdout == ""
    assert (
        result.stderr
        == "error: no/problems.csv: findings cannot be written there: there is no folder 'no': make it first\n"
    )
    assert result.exit_code == 2


def test_check_of_a_pattern_does_not_find_its_own_findings(run, tmp_path):
    """The partial file stands beside the rows, and does not match the pattern."""
    result = run("check", "g*", "-m", "mapping.toml", "--problems", "g-problems.csv")

    assert result.stdout.splitlines()[-1] == "findings: g-problems.csv"
    assert sorted(path.name for path in tmp_path.glob("g*")) == ["g-problems.csv", "good.csv"]


@pytest.mark.parametrize("path", ["good.csv", "mapping.toml"])
def test_check_does_not_replace_what_it_reads(run, tmp_path, path):
    """Findings never replace the rows or the mapping."""
    before = (tmp_path / path).read_text()

    result = run("check", "good.csv", "-m", "mapping.toml", "--problems", path)

    fault = "is one of the files that are read, and would be replaced: choose another name"
    assert result.stderr == f"error: {path}: {fault}\n"
    assert (result.stdout, result.exit_code) == ("", 2)
    assert (tmp_path / path).read_text() == before


@pytest.mark.parametrize(
    ("cover", "fault"),
    [
        ([["Made by Ada"]], "cover.xlsx: has no rows: a mapping is proposed from the values of its columns"),
        (
            [["Joined at", "Host"], ["2024-01-31T10:00Z", "Ada"]],
            (
                "user_id: no column looks like the contact's user_id, id or email: name it customer_id or the like, or "
                "write the mapping yourself: there are 'Joined at' (times), 'Host' (text)"
            ),
        ),
    ],
)
def test_suggestion_from_a_cover_sheet_names_the_other_sheets(run, tmp_path, cover, fault):
    """A sheet that no mapping can be proposed from may not be the one with the rows."""
    with pd.ExcelWriter(tmp_path / "cover.xlsx") as book:
        pd.DataFrame(cover).to_excel(book, sheet_name="Cover", index=False, header=False)
        pd.DataFrame({"email": ["ada@example.org"]}).to_excel(book, sheet_name="Orders", index=False)

    result = run("suggest", "cover.xlsx")

    assert result.stderr == (
        f"error: {fault} (sheet 'Cover' is read; the rows may be in another sheet ('Orders'): choose it with sheet in "
        "the mapping's source or with --sheet)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("suggest", "none.csv"), "none.csv: there is no such file"),
        (("suggest", "empty.csv"), "empty.csv: has no rows: a mapping is proposed from the values of its columns"),
        (
            ("suggest", "notes.csv"),
            (
                "user_id: no column looks like the contact's user_id, id or email: name it customer_id or the like, "
                "or write the mapping yourself: there are 'day' (times), 'note' (text)"
            ),
        ),
        (("check", "none.csv", "-m", "mapping.toml"), "none.csv: there is no such file"),
        (
            ("check", "mapping.toml", "-m", "mapping.toml"),
            (
                "mapping.toml: files of this format cannot be read: "
                "use .csv, .jsonl, .parquet, .feather or .xlsx, also compressed (.csv.gz)"
            ),
        ),
        (
            ("check", "good.csv", "-m", "mapping.toml", "--problems", "nowhere/problems.csv"),
            "nowhere/problems.csv: findings cannot be written there: there is no folder 'nowhere': make it first",
        ),
        (
            ("submit", "good.csv", "-m", "mapping.toml"),
            "no access token: set INTERCOM_ACCESS_TOKEN",
        ),
        (
            ("submit", "good.csv", "-m", "mapping.toml", "--region", "ue"),
            "--region: unknown region 'ue': use one of 'us', 'eu', 'au'",
        ),
        (
            ("submit", "good.csv", "-m", "mapping.toml", "--region", "eu", "--base-url", "http://127.0.0.1:9"),
            "--region and --base-url are both given: pass only one of them",
        ),
    ],
)
def test_error_is_one_line_on_stderr(run, arguments, message):
    """Exit code 2 for usage, mapping and credentials; the line says what is wrong, and the next step."""
    result = run(*arguments)

    assert result.stderr == f"error: {message}\n"
    assert result.exit_code == 2


def test_error_names_the_variable_that_the_region_came_from(run, monkeypatch):
    """Without --region the environment names the region."""
    monkeypatch.setenv("INTERCOM_REGION", "ue")

    result = run("submit", "good.csv", "-m", "mapping.toml")

    assert result.stderr == "error: INTERCOM_REGION: unknown region 'ue': use one of 'us', 'eu', 'au'\n"
    assert result.exit_code == 2


def test_error_asks_for_a_workspace_if_nothing_names_it(run, monkeypatch):
    """The error of contradicting options has the options of the command."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", "made-up")

    result = run("submit", "good.csv", "-m", "mapping.toml", "--no-preflight")

    assert result.stderr == (
        "error: --no-preflight: only GET /me names the workspace for the journal: "
        "add --workspace ID, or add --journal none\n"
    )
    assert result.exit_code == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with a path")
def test_error_does_not_change_the_name_of_a_file(run, tmp_path, monkeypatch):
    """The name of a journal may look like a placeholder."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", "made-up")
    os.mkfifo(tmp_path / "{no_journal}.sqlite-wal")

    result = run(
        *("submit", "good.csv", "-m", "mapping.toml", "--base-url", "http://127.0.0.1:9", "--no-preflight"),
        *("--journal", "{no_journal}.sqlite", "--workspace", "ab12cd34"),
    )

    assert result.stderr.splitlines()[-1] == (
        f"error: {tmp_path}/{{no_journal}}.sqlite: {{no_journal}}.sqlite-wal is a pipe, not a file: "
        "move {no_journal}.sqlite-wal away, or use another path with --journal"
    )
    assert result.exit_code == 2


def test_error_of_a_mapping_is_one_line_for_each_fault(run, tmp_path):
    """All faults are reported at once, each in a line."""
    (tmp_path / "mapping.toml").write_text('event_name = "a"\ncreated_at = "date"\nuser_id = "whom"\n')

    result = run("check", "good.csv", "-m", "mapping.toml")

    assert result.stderr == (
        "error: created_at: no column 'date'; there are 'who', 'day'\n"
        "error: user_id: no column 'whom': did you mean 'who'?\n"
    )
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            'event_name = "day"\ncreated_at = "day"',
            'event_name: \'day\' is also a column: use { column = "day" } or { constant = "day" }',
        ),
        (
            'event_name = { type = "text", column = "day" }\ncreated_at = "day"',
            'event_name: { type = "text", … } cannot be an event\'s name: use \'placed-order\' or { column = "event" }',
        ),
        (
            'event_name = "a"\ncreated_at = { type = "number", column = "day" }',
            'created_at: { type = "number", … } cannot be used here: name a column or use { constant = … }',
        ),
        (
            (
                'event_name = "a"\ncreated_at = "day"\n[metadata]\n'
                'price = { type = "monetary_amount", amount = "who", currency = "usd" }'
            ),
            "metadata.price.currency: no column 'usd': did you mean currency = { constant = \"usd\" }?",
        ),
        (
            'event_name = "a"\ncreated_at = "day"\n[metadata]\nplan = "premium"',
            "metadata.plan: no column 'premium': did you mean { constant = \"premium\" }?",
        ),
        (
            'event_name = "a"\ncreated_at = "day"\n[metadata]\npaid_at = { type = "number", column = "who" }',
            (
                "metadata.paid_at: Intercom takes a number for a date if the key ends in '_date' or '_at': "
                "use { type = \"date\", … } with the unit that it counts, or name it 'paid_at_value'"
            ),
        ),
    ],
)
def test_error_of_a_mapping_speaks_toml(run, tmp_path, line, fault):
    """The user of the command writes TOML, and not Python."""
    (tmp_path / "mapping.toml").write_text(f'user_id = "who"\n{line}\n')

    result = run("check", "good.csv", "-m", "mapping.toml")

    assert (result.stderr, result.exit_code) == (f"error: {fault}\n", 2)


def test_error_of_several_files_speaks_toml(run, tmp_path):
    """The fault of several files has the words of the command, too."""
    (tmp_path / "mapping.toml").write_text(f'{MAPPING}[metadata]\nplan = "premium"\n')

    result = run("check", "good.csv", "bad.csv", "-m", "mapping.toml")

    assert result.stderr == (
        "error: good.csv, bad.csv: metadata.plan: no column 'premium': did you mean { constant = \"premium\" }?\n"
    )


def test_error_of_an_address_comes_before_anything_is_read(run, monkeypatch):
    """A token is sent in plain text only with --allow-http."""
    monkeypatch.setenv("INTERCOM_ACCESS_TOKEN", "made-up")

    result = run("submit", "good.csv", "-m", "mapping.toml", "--base-url", "http://intercom.example.org")

    assert result.stderr == (
        "error: --base-url 'http://intercom.example.org' would send the access token in plain text: "
        "use https, or add --allow-http if the network is yours\n"
    )
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://127.0.0.1:8080", ""),
        ("http://[::1]:8080", ""),
        ("http://localhost:8080", ""),
        ("http://192.0.2.1:8080", " --allow-http"),
        ("http://[2001:db8::1]:8080", " --allow-http"),
        ("http://sandbox.example.org:8080", " --allow-http"),
    ],
)
def test_sandbox_prints_a_command_that_can_be_used(capsys, url, options):
    """For another address than the loopback the command has --allow-http."""
    tell_how_to_submit(Printout(), url, "mine")

    assert capsys.readouterr().out == (
        f"a local Intercom is at {url}; stop it with Ctrl-C. To submit to it:\n"
        "  export INTERCOM_ACCESS_TOKEN=mine\n"
        f"  events-pandas submit FILE --mapping MAPPING --base-url {url}{options}\n"
        f"what it receives is shown at {url}/\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message", "helper"),
    [
        (("check", "good.csv"), "Missing option '--mapping' / '-m'", "events-pandas check"),
        (("submit", "-m", "mapping.toml"), "Missing argument 'FILES", "events-pandas submit"),
        (("check", "--maping"), "No such option: --maping", "events-pandas check"),
        (("upload",), "No such command 'upload'", "events-pandas"),
    ],
)
def test_wrong_usage_is_one_line_with_exit_code_2(run, arguments, message, helper):
    """Unknown options and commands are reported before anything is read."""
    result = run(*arguments)

    # Versions of typer go on in different words.
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.endswith(f": see `{helper} --help`\n")
    assert (result.stderr.count("\n"), result.stdout, result.exit_code) == (1, "", 2)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_into_80_columns(monkeypatch, command):
    """A terminal would break longer lines anywhere."""
    monkeypatch.setenv("COLUMNS", "80")

    lines = CliRunner().invoke(app, [command, "--help"]).stdout.splitlines()

    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("word", ["", "none"])
def test_runs_need_a_journal(run, word):
    """An empty variable is a mistake, and without a journal nothing is known of runs."""
    result = run("runs", "--journal", word)

    fault = f"--journal: expected auto or a path, got {word!r}: name the journal of the runs"
    assert (result.stdout, result.stderr, result.exit_code) == ("", f"error: {fault}\n", 2)


def test_runs_of_the_users_own_journals_are_auto(run):
    """A file of settings has one word for all commands."""
    results = [run("runs", *more) for more in ((), ("--journal", "auto"))]

    assert [(result.stdout, result.exit_code) for result in results] == [("no runs yet\n", 0)] * 2


def test_wrong_usage_has_a_document_too(run):
    """With --json the error is in the document of the command."""
    result = run("check", "good.csv", "--json")

    document = json.loads(result.stdout)
    assert (document["command"], document["exit_code"], document["rows"]) == ("check", 2, None)
    (error,) = document["errors"]
    assert error.startswith("Missing option '--mapping' / '-m', and there is no '")
    assert error.endswith("events-pandas.toml' that has it: see `events-pandas check --help`")


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("--rate-share", "0", "expected a share above 0 and up to 1, got 0.0: use 0.5 or the like"),
        ("--rate-share", "60", "expected a share above 0 and up to 1, got 60.0: use 0.5 or the like"),
        ("--rate-share", "nan", "expected a share above 0 and up to 1, got nan: use 0.5 or the like"),
        ("--rate-share", "60%", "expected a share above 0 and up to 1, got '60%': use 0.5 or the like"),
        ("--canary", "-1", "expected a number of rows, got -1: use 20 or the like, or 0 for none"),
        ("--canary", "5%", "expected a number of rows, got '5%': use 20 or the like, or 0 for none"),
        ("--max-failure-rate", "5", "expected a share from 0 to 1, got 5.0: use 0.1 or the like"),
        ("--patience-seconds", "-1", "expected a number of seconds, got -1.0: use 600 or the like"),
        ("--patience-seconds", "10min", "expected a number of seconds, got '10min': use 600 or the like"),
        ("--concurrency", "0", "expected a number from 1 to 128, got 0: leave it out to let the run find it"),
        ("--chunksize", "0", "expected a number of rows, got 0: use 10_000 or the like"),
    ],
)
def test_option_of_a_run_is_refused_by_its_value(run, option, value, fault):
    """Exit code 2 before anything is read; the message names the value and what to use."""
    result = run("submit", "nowhere.csv", "-m", "nowhere.toml", option, value)

    message = result.stderr.splitlines()[-1]
    assert message.startswith(f"error: Invalid value for '{option}'")
    assert message.endswith(f": {fault}")
    assert result.exit_code == 2


@pytest.mark.parametrize("command", ["check", "submit"])
def test_help_says_how_rows_are_counted_and_what_is_replaced(run, command):
    """The help says where the count of rows begins."""
    text = " ".join(run(command, "--help").stdout.split())

    assert "An existing file is replaced. Rows are counted from 0" in text


def test_help_names_the_commands_and_the_exit_codes(run):
    """The help has what a script needs."""
    result = run("--help")

    assert [command for command in COMMANDS if command in result.stdout] == list(COMMANDS)
    assert "\n  Exit codes:\n      0  all rows are in Intercom; of a check: no row is invalid\n" in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            JournalError(Path("j"), problem="is damaged", remedy=("name a path ", Setting.JOURNAL)),
            "error: j: is damaged: name a path with --journal\n",
        ),
        (
            JournalError(
                Path("j"), problem="is nobody's", remedy=(Setting.NAME_WORKSPACE, ", or ", Setting.NO_JOURNAL)
            ),
            "error: j: is nobody's: add --workspace ID, or add --journal none\n",
        ),
        (CredentialsError("no https", remedy=Setting.ALLOW_HTTP), "error: no https: add --allow-http\n"),
        (
            CredentialsError("another token", remedy=("correct ", Setting.WORKSPACE)),
            "error: another token: correct --workspace\n",
        ),
        (CredentialsError("two faults", lines=["one", "two"]), "error: two faults\n  one\n  two\n"),
    ],
)
def test_error_names_options_of_the_command(capsys, error, line):
    """The remedy of an error has the options of the command, not the keywords of Python."""
    with pytest.raises(typer.Exit) as caught, exit_codes():
        raise error

    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("setting", Setting)
def test_error_has_an_option_or_a_variable_for_every_setting(capsys, setting):
    """The command line has words of its own for each setting."""
    with pytest.raises(typer.Exit), exit_codes():
        raise CredentialsError("no", remedy=setting)

    assert re.search(r"--[a-z]|INTERCOM_", capsys.readouterr().err)
