"""The recipes of docs/nightly-jobs.md, each run as its scheduler runs it: without a terminal, with its environment."""

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml

from events_pandas import Faults

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the recipes are for Linux"),
]

PAGE = Path(__file__).parents[2] / "docs" / "nightly-jobs.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", flags=re.DOTALL | re.MULTILINE)
PROGRAMS = Path(sys.executable).parent
# A run that was held in an outage probes every 30 s.
DEADLINE_SECONDS = 120.0
# What cron gives a job, and GitHub and systemd not much more.
CRON = {"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "LOGNAME": "orders"}
OUTPUTS = ["journal.sqlite", "rejects.csv", "results.csv", "run.jsonl"]
# A run waits in an outage until the test ends it.
OUTAGE = Faults(statuses={503: 1.0})
PID_NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture
def sandbox(start):
    """A sandbox in which one contact does not exist."""
    return start(unknown_contacts=["99999"])


@pytest.fixture
def night(tmp_path, sandbox, make_orders):
    """The folder of the job, with the orders of a night."""
    folder = tmp_path / "srv"
    folder.mkdir()
    mapping = 'event_name = "placed-order"\ncreated_at = "day"\nuser_id = "who"\ntimezone = "UTC"\n'
    (folder / "mapping.toml").write_text(mapping)
    (folder / "intercom.env").write_text(f"INTERCOM_ACCESS_TOKEN={sandbox.access_token}\n")
    make_orders(3).to_csv(folder / "orders.csv", index=False)
    return folder


@pytest.fixture
def recipe(night, sandbox):
    """Return a function that finds a block of the page; paths and the address become those of the test."""

    def recipe(language, start=""):
        blocks = BLOCK.finditer(PAGE.read_text(encoding="utf-8"))
        (text,) = (block["text"] for block in blocks if block["language"] == language and start in block["text"])
        for theirs, ours in {
            "/srv/orders": str(night),
            "/opt/orders/bin": str(PROGRAMS),
            "events-pandas submit ": f"events-pandas submit --base-url {sandbox.url} ",
            '"submit", ': f'"submit", "--base-url", "{sandbox.url}", ',
        }.items():
            text = text.replace(theirs, ours)
        return text

    return recipe


def run(command, *, folder, **variables):
    """Run a command without a terminal, with no variables but the given ones."""
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={**CRON, "HOME": str(folder), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


def secrets_of(folder):
    return dict(line.split("=", 1) for line in (folder / "intercom.env").read_text().splitlines())


def add_unknown(folder):
    with (folder / "orders.csv").open("a") as file:
        file.write("99999,2024-01-31\n")


def log(folder, kind):
    lines = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


@pytest.fixture
def cron(recipe, tmp_path):
    """Run the line of the crontab as cron does: from the home folder, in a shell; return what cron would mail."""
    mail_to, line = recipe("cron").splitlines()
    *times, command = line.split(None, 5)
    assert mail_to.startswith("MAILTO=")
    assert times == ["0", "2", "*", "*", "*"]
    # cron takes an unescaped % for the end of the line.
    assert "%" not in command
    return lambda: run(["/bin/sh", "-c", command], folder=tmp_path).stdout


def test_cron_mails_nothing_when_all_went_well(cron, night, sandbox):
    """The job leaves its files, and the second night sends nothing twice."""
    mails = [cron(), cron()]

    assert mails == ["", ""]
    assert [path.name for path in sorted(night.iterdir()) if path.name in OUTPUTS] == OUTPUTS
    assert len(sandbox.events) == sandbox.requests == 3
    exits, ends = log(night, "exit"), log(night, "end")
    assert [line["exit_code"] for line in exits] == [0, 0]
    # An exit is tied to its run.
    names = ("id", "run", "workspace")
    assert [[line[name] for name in names] for line in exits] == [[line[name] for name in names] for line in ends]
    assert [line["run"] for line in exits] == [1, 2]


def test_cron_mails_the_summary_when_rows_are_left(cron, night):
    """Exit code 1: somebody has to look at the rejects."""
    add_unknown(night)

    mail = cron()

    assert "4 rows\n  3 accepted " in mail
    assert mail.endswith("rejects: rejects.csv (1 row)\n")
    assert [line["exit_code"] for line in log(night, "exit")] == [1]


def test_cron_mails_the_error_when_nothing_was_sent(cron, night):
    """Exit code 2: a file is missing."""
    (night / "orders.csv").unlink()

    mail = cron()

    assert mail.startswith("error: ")
    assert "orders.csv" in mail
    assert [(line["exit_code"], line["error"]) for line in log(night, "exit")] == [(2, "SourceError")]


def test_cron_mails_that_last_nights_run_is_under_way(cron, night, sandbox, wait_until):
    """Exit code 3: the second start sends nothing, and the first goes on."""
    sandbox.faults = OUTAGE
    first = threading.Thread(target=cron)
    first.start()
    wait_until(lambda: sandbox.requests)

    mail = cron()

    sandbox.faults = Faults()
    first.join()
    assert "a run of the same files and mapping is under way: process " in mail
    assert sorted(line["exit_code"] for line in log(night, "exit")) == [0, 3]
    assert len(sandbox.events) == 3


def test_cron_mails_of_two_starts_at_once_are_not_mixed(cron, night, sandbox, wait_until):
    """A second start does not write into the summary of the first."""
    sandbox.faults = OUTAGE
    add_unknown(night)
    mails = []
    first = threading.Thread(target=lambda: mails.append(cron()))
    first.start()
    wait_until(lambda: sandbox.requests)
    (night / "mapping.toml").unlink()

    second = cron()

    sandbox.faults = Faults()
    first.join()
    assert second.startswith("error: ")
    assert mails[0].startswith("about to submit 4 rows of orders.csv\n")
    assert mails[0].endswith("rejects: rejects.csv (1 row)\n")


def read_unit(text):
    """Read a unit of systemd: keys may come twice, and their case counts."""
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(text)
    return parser


def test_systemd_units_are_valid(recipe, tmp_path):
    """systemd itself reads the units, and finds nothing to say."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd")
    for name in ("orders.service", "orders.timer"):
        (tmp_path / name).write_text(recipe("ini", f"/etc/systemd/system/{name}"))

    found = run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "orders.service"), str(tmp_path / "orders.timer")],
        folder=tmp_path,
    )

    assert [line for line in found.stdout.splitlines() if "orders" in line] == []


@pytest.mark.parametrize(("is_known", "code"), [(True, 0), (False, 1)])
def test_systemd_service_runs(recipe, night, is_known, code):
    """The command of the service runs in its folder with the variables of its file, and its exit code is the job's."""
    service = read_unit(recipe("ini", "orders.service"))["Service"]
    if not is_known:
        add_unknown(night)

    ended = run(shlex.split(service["ExecStart"]), folder=service["WorkingDirectory"], **secrets_of(night))

    assert service["EnvironmentFile"] == str(night / "intercom.env")
    assert ended.returncode == code
    assert [path.name for path in sorted(night.iterdir()) if path.name in OUTPUTS] == OUTPUTS


def test_systemd_service_is_started_again_only_when_that_helps(recipe):
    """A run that ended early is started again, and one that a person must look at is not; a stop is a success."""
    unit = read_unit(recipe("ini", "orders.service"))

    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["RestartPreventExitStatus"].split() == ["1", "2"]
    assert unit["Service"]["SuccessExitStatus"] == "143"
    assert int(unit["Service"]["TimeoutStopSec"]) > 30


def test_systemd_timer_starts_the_service_every_night(recipe):
    """The timer has the service's name, and makes up for a night that was missed."""
    timer = read_unit(recipe("ini", "orders.timer"))

    assert timer["Timer"]["OnCalendar"] == "*-*-* 02:00:00"
    assert timer["Timer"].getboolean("Persistent")
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.fixture
def workflow(recipe):
    """The workflow of GitHub Actions."""
    return yaml.safe_load(recipe("yaml"))


@pytest.fixture
def github(workflow, night):
    """Run the step that submits as GitHub does; return how it ended."""
    (step,) = (step for step in workflow["jobs"]["submit"]["steps"] if step.get("name") == "Submit")
    assert step["env"] == {"INTERCOM_ACCESS_TOKEN": "${{ secrets.INTERCOM_ACCESS_TOKEN }}"}
    script = night.parent / "step.sh"
    script.write_text(step["run"])

    def github():
        variables = {"CI": "true", "PATH": f"{PROGRAMS}:/usr/bin:/bin", "PAUSE_SECONDS": "0", **secrets_of(night)}
        return run(["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)], folder=night, **variables)

    return github


def test_github_workflow_keeps_the_journal(workflow):
    """Each run restores the journal of the last one, and saves its own, however it ended; one runs at a time."""
    steps = workflow["jobs"]["submit"]["steps"]
    caches = [step for step in steps if "cache" in step.get("uses", "")]

    assert [step["with"]["path"] for step in caches] == ["journal.sqlite", "journal.sqlite"]
    assert caches[0]["with"]["key"] == caches[1]["with"]["key"]
    assert caches[0]["with"]["key"].startswith(caches[0]["with"]["restore-keys"])
    assert caches[1]["if"] == "always()"
    assert workflow["concurrency"] == "orders"
    # YAML 1.1 takes `on` for a truth value.
    assert workflow[True]["schedule"] == [{"cron": "0 2 * * *"}]
    assert "pip install ./events_pandas-*.whl" in [step.get("run") for step in steps]


def test_recipes_install_the_wheel_that_a_clone_makes():
    """The package is not on PyPI: nothing is installed by its name, and the wheel has the version of the clone."""
    text = PAGE.read_text(encoding="utf-8")
    version = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert f"`events_pandas-{version}-py3-none-any.whl`" in text
    assert not re.search(r"pip install [^\n]*\bevents-pandas\b", text)


def test_github_step_submits(github, sandbox):
    """The step succeeds when all rows are in Intercom, also when it runs again."""
    assert [github().returncode, github().returncode] == [0, 0]
    assert sandbox.requests == 3


def test_github_step_fails_without_another_try_when_rows_are_left(github, night):
    """A new start does not help exit code 1."""
    add_unknown(night)

    assert github().returncode == 1
    assert [line["exit_code"] for line in log(night, "exit")] == [1]


def test_github_step_tries_again_when_the_job_is_under_way(github, night, sandbox, wait_until):
    """Exit code 3 means that the job is to be started again."""
    sandbox.faults = OUTAGE
    codes = []
    first = threading.Thread(target=lambda: codes.append(github().returncode))
    first.start()
    wait_until(lambda: sandbox.requests)

    second = github()

    sandbox.faults = Faults()
    first.join()
    assert codes == [0]
    assert second.returncode == 3
    assert [line["exit_code"] for line in log(night, "exit")] == [3, 3, 3, 0]


@pytest.fixture
def container(recipe, night):
    """The command of the image, as process 1 of a container without a terminal, and its end."""
    (entrypoint,) = re.findall(r"^ENTRYPOINT (\[.*\])$", recipe("dockerfile"), flags=re.MULTILINE)
    program, *arguments = json.loads(entrypoint)
    if subprocess.run([*PID_NAMESPACE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this user may not make a namespace of processes")
    return subprocess.Popen(
        [*PID_NAMESPACE, str(PROGRAMS / program), *arguments],
        cwd=night,
        env={"HOME": str(night), "PATH": "/usr/bin:/bin", **secrets_of(night)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def test_container_submits(container, night):
    """The command needs no terminal, and no process beside it."""
    stdout, stderr = container.communicate(timeout=DEADLINE_SECONDS)

    assert (container.returncode, stderr) == (0, "")
    assert "3 rows\n  3 accepted " in stdout
    # It was process 1.
    assert {line["process"] for line in log(night, "end")} == {1}


@pytest.fixture
def slow(sandbox, night, make_orders):
    """Make the run of the night long."""
    sandbox.faults = Faults(latency_seconds=0.2)
    make_orders(2_000).to_csv(night / "orders.csv", index=False)


@pytest.mark.usefixtures("slow")
def test_container_that_is_stopped_ends_with_its_results(request, night, sandbox, wait_until):
    """`docker stop` sends SIGTERM to process 1, which the system protects from signals without a handler."""
    container = request.getfixturevalue("container")
    wait_until(lambda: sandbox.events)
    (child,) = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()

    os.kill(int(child), signal.SIGTERM)
    _, stderr = container.communicate(timeout=DEADLINE_SECONDS)

    assert container.returncode == 143
    assert stderr.startswith("interrupted by SIGTERM: ")
    assert len(pd.read_csv(night / "results.csv")) == 2_000
    assert [line["reason"] for line in log(night, "stop")] == ["interrupted"]
    assert [line["exit_code"] for line in log(night, "exit")] == [143]


@pytest.fixture
def submit_orders(recipe, night, client):
    """The function of the page, for the folder of the test."""
    names = {}
    exec(recipe("python", "def submit_orders("), names)
    return lambda **options: names["submit_orders"](night, client=client, **options)


def test_airflow_function_returns_counts_that_a_task_can_hand_on(submit_orders, night):
    """The counts are plain numbers by plain words, as Airflow stores what a task returns as JSON."""
    add_unknown(night)

    counts = submit_orders()

    assert json.loads(json.dumps(counts)) == {"accepted": 3, "unknown_contact": 1}
    assert [path.name for path in sorted(night.iterdir()) if path.name in OUTPUTS] == OUTPUTS


def test_airflow_function_runs_in_another_thread(submit_orders):
    """A thread that is not the main one gets no signals, and may set no handlers."""
    counts = []
    thread = threading.Thread(target=lambda: counts.append(submit_orders()))
    thread.start()
    thread.join(DEADLINE_SECONDS)

    assert counts == [{"accepted": 3}]


def test_airflow_function_called_twice_at_once_sends_nothing_twice(submit_orders, sandbox, make_orders, night):
    """The second call waits for the first, and finds all rows submitted."""
    sandbox.faults = Faults(latency_seconds=0.05)
    make_orders(100).to_csv(night / "orders.csv", index=False)
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(submit_orders())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)

    # The second call may return first, while the first one still writes its tables.
    assert sorted(counts, key=list) == [{"accepted": 100}, {"already_submitted": 100}]
    assert sandbox.requests == 100
