"""Options from the command line, the environment and a file: which of them wins, and what is refused."""

import json

import pytest
import typer
from typer.testing import CliRunner

from events_pandas.cli import app

TOKEN = "the access token is read from INTERCOM_ACCESS_TOKEN only"
USAGE = "error: Invalid value for '--config': "


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Return what --show-config prints for a command: the value and the source of each option."""
    monkeypatch.chdir(tmp_path)

    def shown(*arguments, env=None):
        result = CliRunner().invoke(app, [*arguments, "--show-config"], env=env)
        assert (result.stderr, result.exit_code) == ("", 0)
        lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
        return {name: tuple(rest) for name, *rest in lines if len(rest) == 2}

    return shown


@pytest.fixture
def write(tmp_path):
    """Write the file of settings."""
    return lambda text, name="events-pandas.toml": (tmp_path / name).write_text(text, encoding="utf-8")


def test_command_line_wins_over_environment_over_file_over_default(shown, write):
    """The precedence is: command line, environment, file, default."""
    write('rate-share = 0.1\ncanary = 1\nmapping = "m.toml"\nlimit = 9\n')
    env = {"EVENTS_PANDAS_RATE_SHARE": "0.2", "EVENTS_PANDAS_CANARY": "2"}

    found = shown("submit", "a.csv", "--rate-share", "0.3", env=env)

    assert found["rate-share"] == ("0.3", "command line")
    assert found["canary"] == ("2", "EVENTS_PANDAS_CANARY")
    assert found["mapping"] == ("m.toml", "events-pandas.toml")
    assert found["limit"] == ("9", "events-pandas.toml")
    assert found["chunksize"] == ("10000", "default")


@pytest.mark.parametrize(
    ("text", "env", "arguments", "region", "base_url"),
    [
        ('region = "eu"\n', {}, ["--base-url", "http://a"], ("-", "default"), ("http://a", "command line")),
        ('base-url = "http://a"\n', {}, ["--region", "eu"], ("eu", "command line"), ("-", "default")),
        (
            'region = "eu"\n',
            {"EVENTS_PANDAS_BASE_URL": "http://a"},
            [],
            ("-", "default"),
            ("http://a", "EVENTS_PANDAS_BASE_URL"),
        ),
    ],
)
def test_region_and_base_url_are_one_choice(shown, write, text, env, arguments, region, base_url):
    """Both say where requests go: the one from the place that counts more leaves out the other one."""
    write(text)

    found = shown("submit", "a.csv", *arguments, env=env)

    assert (found["region"], found["base-url"]) == (region, base_url)


@pytest.mark.parametrize(
    ("text", "env", "places"),
    [
        (
            'region = "eu"\nbase-url = "http://a"\n',
            {},
            "'region' in events-pandas.toml and 'base-url' in events-pandas.toml",
        ),
        (
            "",
            {"EVENTS_PANDAS_REGION": "eu", "EVENTS_PANDAS_BASE_URL": "http://a"},
            "EVENTS_PANDAS_REGION and EVENTS_PANDAS_BASE_URL",
        ),
    ],
)
def test_region_and_base_url_of_one_place_are_refused(write, tmp_path, monkeypatch, text, env, places):
    """The error names the place of both."""
    monkeypatch.chdir(tmp_path)
    write(text)

    result = CliRunner().invoke(app, ["submit", "a.csv", "-m", "m.toml"], env=env)

    fault = f"error: Invalid value: {places} are both given: leave only one of them\n"
    assert (result.stderr, result.exit_code) == (fault, 2)


def test_show_config_needs_no_files_and_never_shows_the_token(shown):
    """What is missing is shown as missing; of the token it is said only whether it is set."""
    found = shown("submit", env={"INTERCOM_ACCESS_TOKEN": "s3cret"})

    assert found["mapping"] == ("-", "default")
    assert "s3cret" not in str(found)


def test_show_config_says_whether_the_token_is_set(tmp_path, monkeypatch):
    """The variable of the token is the last line."""
    monkeypatch.chdir(tmp_path)

    lines = [
        CliRunner().invoke(app, ["check", "--show-config"], env=env).stdout.splitlines()[-1].split(maxsplit=1)[1]
        for env in ({}, {"INTERCOM_ACCESS_TOKEN": "s3cret"})
    ]

    assert [line.split("  ")[0] for line in lines] == ["is not set", "is set"]


@pytest.mark.parametrize(
    ("arguments", "region"),
    [
        (["submit"], ("eu", "INTERCOM_REGION")),
        (["submit", "--region", "au"], ("au", "command line")),
        (["submit", "--base-url", "http://127.0.0.1:1"], ("-", "default")),
        (["sandbox"], ("us", "default")),
    ],
)
def test_show_config_has_the_region_of_the_environment_if_a_run_would_use_it(shown, arguments, region):
    """A run reads INTERCOM_REGION if neither a region nor an address is given; a sandbox never does."""
    assert shown(*arguments, env={"INTERCOM_REGION": " eu "})["region"] == region


def test_show_config_with_json_is_one_document(write, tmp_path, monkeypatch):
    """Values have the types of JSON; of the token only whether it is set."""
    monkeypatch.chdir(tmp_path)
    write('mapping = "m.toml"\nrate-share = 0.5\n')

    result = CliRunner().invoke(
        app, ["submit", "--show-config", "--json", "--limit", "9"], env={"INTERCOM_ACCESS_TOKEN": "s3cret"}
    )

    document = json.loads(result.stdout)
    options = {each.pop("option"): each for each in document.pop("options")}
    assert (document, result.exit_code) == ({"command": "submit", "exit_code": 0, "errors": []}, 0)
    assert options["mapping"] == {"value": "m.toml", "source": "events-pandas.toml"}
    assert options["rate-share"] == {"value": 0.5, "source": "events-pandas.toml"}
    assert options["limit"] == {"value": 9, "source": "command line"}
    assert options["json"] == {"value": True, "source": "command line"}
    assert options["results"] == {"value": None, "source": "default"}
    assert options["INTERCOM_ACCESS_TOKEN"] == {"value": "is set", "source": "environment"}


def test_sandbox_has_a_table_and_variables_of_its_own(shown, write):
    """The limit of a sandbox is not the limit of a run."""
    write("limit = 9\n[sandbox]\nlimit = 83\n")
    env = {"EVENTS_PANDAS_SANDBOX_PORT": "0", "EVENTS_PANDAS_REGION": "eu"}

    assert shown("submit", env=env)["limit"] == ("9", "events-pandas.toml")
    assert shown("submit", env=env)["region"] == ("eu", "EVENTS_PANDAS_REGION")
    assert shown("sandbox", env=env)["limit"] == ("83", "events-pandas.toml")
    assert shown("sandbox", env=env)["port"] == ("0", "EVENTS_PANDAS_SANDBOX_PORT")
    assert shown("sandbox", env=env)["region"] == ("us", "default")


def test_file_may_hold_options_of_other_commands(shown, write):
    """One file serves all commands: an option that a command lacks does not concern it."""
    write('results = "r.csv"\nworkspace = "ab12cd34"\npreflight = false\n')

    assert shown("runs")["workspace"] == ("ab12cd34", "events-pandas.toml")
    assert shown("submit")["preflight"] == ("false", "events-pandas.toml")


def test_command_line_undoes_a_flag_of_the_file(shown, write):
    """Each flag has an opposite, whose name begins with --no-."""
    write("json = true\nresubmit = true\n[sandbox]\nno-rate-headers = true\n")

    found = shown("submit", "--no-json", "--no-resubmit")

    assert (found["json"], found["resubmit"]) == (("false", "command line"), ("false", "command line"))
    assert shown("sandbox", "--rate-headers")["no-rate-headers"] == ("false", "command line")


def test_every_flag_that_a_file_can_hold_has_an_opposite():
    """A flag that is set cannot be undone otherwise."""
    commands = typer.main.get_command(app).commands.values()
    flags = [option for command in commands for option in command.params if getattr(option, "is_bool_flag", False)]

    assert {option.name for option in flags if not option.secondary_opts} == {"show_config"}


def test_config_names_another_file(shown, write):
    """--config and its variable name another file than events-pandas.toml."""
    write("canary = 1\n")
    write("canary = 5\n", "nightly.toml")

    assert shown("submit", "--config", "nightly.toml")["canary"] == ("5", "nightly.toml")
    assert shown("submit", env={"EVENTS_PANDAS_CONFIG": "nightly.toml"})["canary"] == ("5", "nightly.toml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rate-shre = 1", "there is no option 'rate-shre': did you mean 'rate-share'?"),
        ("rate_share = 1", "there is no option 'rate_share': did you mean 'rate-share'?"),
        ("[sandbox]\nprt = 1", "[sandbox]: there is no option 'prt': did you mean 'port'?"),
        ("xyz = 1", "there is no option 'xyz': see `events-pandas submit --help`"),
        ("[sandbox]\nxyz = 1", "[sandbox]: there is no option 'xyz': see `events-pandas sandbox --help`"),
        ("[submitt]\ncanary = 1", "there is no option 'submitt': did you mean 'resubmit'?"),
        (
            "[submit]\ncanary = 1",
            "there is no option 'submit': write the options of submit without a table: only sandbox has one",
        ),
        ("sandbox = 1", "there is no option 'sandbox': write [sandbox], and its options below"),
        ("token = 's3cret'", f"there is no option 'token': {TOKEN}"),
        ("access_token = 's3cret'", f"there is no option 'access_token': {TOKEN}"),
        ("INTERCOM_ACCESS_TOKEN = 's3cret'", f"there is no option 'INTERCOM_ACCESS_TOKEN': {TOKEN}"),
        ("files = ['a.csv']", "there is no option 'files': name the files on the command line"),
        ("config = 'a.toml'", "there is no option 'config': give --config on the command line"),
        ('resubmit = "no"', "resubmit: expected true or false, got 'no'"),
        ("mapping = true", "mapping: expected text or a number, got True"),
        ("a = x", "is not TOML: Invalid value (at line 1, column 5)"),
    ],
)
def test_file_with_a_fault_is_refused(write, tmp_path, monkeypatch, text, fault):
    """Exit code 2, and a line that names the file, the fault and the fix."""
    monkeypatch.chdir(tmp_path)
    write(text)

    result = CliRunner().invoke(app, ["submit", "a.csv", "-m", "m.toml"])

    assert result.stderr.splitlines()[-1] == f"{USAGE}events-pandas.toml: {fault}"
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("limit = 2.5", "'limit' in events-pandas.toml: expected a number of rows, got '2.5': use 100 or the like"),
        ("concurrency = 2.5", "'concurrency' in events-pandas.toml: expected a number from 1 to 128, got '2.5'"),
    ],
)
def test_value_of_a_file_is_checked_as_on_the_command_line(write, tmp_path, monkeypatch, text, fault):
    """A number with a fraction is not cut to a whole one."""
    monkeypatch.chdir(tmp_path)
    write(text)

    result = CliRunner().invoke(app, ["submit", "a.csv", "-m", "m.toml"])

    assert f"error: Invalid value for {fault}" in result.stderr
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("EVENTS_PANDAS_LIMIT", "abc", "expected a number of rows, got 'abc': use 100 or the like"),
        (
            "EVENTS_PANDAS_RATE_SHARE",
            "2",
            "expected a share above 0 and up to 1, got 2.0: use 0.5 or the like",
        ),
    ],
)
def test_value_of_the_environment_is_refused_by_the_name_of_its_variable(tmp_path, monkeypatch, name, value, fault):
    """Nobody gave the option: its name would lead to the wrong place."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["submit", "a.csv", "-m", "m.toml"], env={name: value})

    assert (result.stderr, result.exit_code) == (f"error: Invalid value for {name}: {fault}\n", 2)


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("--port", "99999", "expected a port from 0 to 65535, got '99999': use 8080, or 0 for any free one"),
        ("--limit", "-1", "expected a number of requests, got '-1': use 1666, or 0 for no limit"),
    ],
)
def test_number_of_the_sandbox_is_refused_with_its_value(option, value, fault):
    """The message has the value, and says what to give instead."""
    result = CliRunner().invoke(app, ["sandbox", option, value])

    assert (result.stderr, result.exit_code) == (f"error: Invalid value for '{option}': {fault}\n", 2)


@pytest.mark.parametrize(
    ("env", "text", "origin"),
    [({"EVENTS_PANDAS_DECIMAL": "x"}, "", "EVENTS_PANDAS_DECIMAL"), ({}, 'decimal = "x"', "'decimal' in {}")],
)
def test_value_that_a_command_refuses_is_named_by_its_origin(write, tmp_path, monkeypatch, env, text, origin):
    """A command, too, names the variable or the file of a value that nobody gave as an option."""
    monkeypatch.chdir(tmp_path)
    write(text)

    result = CliRunner().invoke(app, ["check", "a.csv", "-m", "m.toml"], env=env)

    place = origin.format("events-pandas.toml")
    assert (result.stderr, result.exit_code) == (f"error: {place}: expected '.' or ',', got 'x'\n", 2)


@pytest.mark.parametrize("command", ["check", "preview", "submit"])
def test_missing_mapping_says_where_it_was_looked_for(write, tmp_path, monkeypatch, command):
    """Cron starts commands in the home folder, where no file of settings is found."""
    monkeypatch.chdir(tmp_path)

    without = CliRunner().invoke(app, [command, "a.csv"])
    write("json = false")
    within = CliRunner().invoke(app, [command, "a.csv"])

    missing, see = "error: Missing option '--mapping' / '-m', and", f"see `events-pandas {command} --help`"
    assert without.stderr == f"{missing} there is no '{tmp_path / 'events-pandas.toml'}' that has it: {see}\n"
    assert within.stderr == f"{missing} events-pandas.toml does not have it: {see}\n"
    assert (without.exit_code, within.exit_code) == (2, 2)


def test_config_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    """A file that was named has to be there; events-pandas.toml need not be."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["runs", "--config", "none.toml"])

    assert result.stderr.splitlines()[-1] == f"{USAGE}none.toml: cannot be read: No such file or directory"
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("EVENTS_PANDAS_LIMITT", "warning: EVENTS_PANDAS_LIMITT is ignored: did you mean 'EVENTS_PANDAS_LIMIT'?\n"),
        ("EVENTS_PANDAS_XYZ", "warning: EVENTS_PANDAS_XYZ is ignored: there is no such option\n"),
        ("EVENTS_PANDAS_ACCESS_TOKEN", f"warning: EVENTS_PANDAS_ACCESS_TOKEN is ignored: {TOKEN}\n"),
        ("EVENTS_PANDAS_LIMIT", ""),
        ("EVENTS_PANDAS_SANDBOX_PORT", ""),
        ("EVENTS_PANDAS_JOURNALS", ""),
        ("EVENTS_PANDAS_BROWSER", ""),
        ("EVENTS_PANDAS_ENGINES", ""),
    ],
)
def test_variable_with_a_typo_is_named(name, warning):
    """A variable that begins like those of options, and is not one, has a warning: its value counts nowhere."""
    result = CliRunner().invoke(app, ["submit", "--show-config"], env={name: "1"})

    assert (result.stderr, result.exit_code) == (warning, 0)


@pytest.mark.parametrize(
    ("arguments", "text", "error"),
    [
        (["--rate-share", "7", "-m", "m.toml", "--log-json", "run.jsonl"], "", "BadParameter"),
        (["--log-json=run.jsonl"], "", "MissingParameter"),
        (["--results-path", "r.csv"], 'log-json = "run.jsonl"', "NoSuchOption"),
    ],
)
def test_wrong_usage_is_in_the_log(write, tmp_path, monkeypatch, arguments, text, error):
    """The log has the exit code, even if no run began: a scheduler may read nothing else."""
    monkeypatch.chdir(tmp_path)
    write(text)

    CliRunner().invoke(app, ["submit", "a.csv", *arguments])

    (line,) = map(json.loads, (tmp_path / "run.jsonl").read_text().splitlines())
    assert (line["kind"], line["exit_code"], line["error"], line["run"]) == ("exit", 2, error, None)


@pytest.mark.parametrize("log", ["a.csv", "rows/run.jsonl", "nowhere/run.jsonl"])
def test_wrong_usage_writes_no_log_among_the_rows(tmp_path, monkeypatch, log):
    """The error is about the usage; the file of rows stays, and their folder gets no file that a run would read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("who,day\n")
    (tmp_path / "rows").mkdir()

    result = CliRunner().invoke(app, ["submit", "a.csv", "rows", "--log-json", log, "--limit", "x"])

    assert (tmp_path / "a.csv").read_text() == "who,day\n"
    assert not list(tmp_path.glob("*/*"))
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "env", "text", "keys"),
    [
        (["--keys", "order id,region"], {}, "", "order id,region"),
        (["--keys", "order id", "--keys", "region"], {}, "", "order id, region"),
        ([], {"EVENTS_PANDAS_KEYS": 'order id,"a, b"'}, "", 'order id,"a, b"'),
        ([], {}, 'keys = ["order id", "region"]\n', "order id, region"),
        ([], {}, 'keys = "order id"\n', "order id"),
    ],
)
def test_keys_may_have_blanks_wherever_they_are_given(write, tmp_path, monkeypatch, arguments, env, text, keys):
    """The environment has one text, and only commas divide it."""
    monkeypatch.chdir(tmp_path)
    write(text)

    result = CliRunner().invoke(app, ["submit", "a.csv", "--show-config", *arguments], env=env)

    (line,) = [line for line in result.stdout.splitlines() if line.startswith("keys ")]
    assert line.split(None, 1)[1].rsplit("  ", 1)[0].strip() == keys
