"""Chosen faults: what they may be."""

import copy
import dataclasses
import json
import pickle
import re

import pytest

from events_pandas.sandbox.faults import Faults, NextFault, checked_faults

NO_FAULT = (
    "a fault is a status from 400 to 599 or one of drop_before, drop_after, garbage, trickle_body, trickle_headers, "
    "no_answer, not "
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latency_seconds": -0.1}, "latency_seconds must not be negative, and is -0.1"),
        ({"latency_seconds": float("nan")}, "latency_seconds must be a number of seconds, not nan"),
        ({"latency_seconds": "1"}, "latency_seconds must be a number of seconds, not '1'"),
        ({"trickle_seconds": float("inf")}, "trickle_seconds must be a number of seconds, not inf"),
        ({"outage_seconds": None}, "outage_seconds must be a number of seconds, not None"),
        ({"outage_after_seconds": -1}, "outage_after_seconds must not be negative, and is -1"),
        ({"clock_skew_seconds": 2e9}, "clock_skew_seconds must be at most 1,000,000,000 either way, not 2000000000.0"),
        ({"clock_skew_seconds": "1"}, "clock_skew_seconds must be at most 1,000,000,000 either way, not '1'"),
        ({"jitter": 1.5}, "jitter must be a share between 0 and 1, not 1.5"),
        ({"drop_before": -0.1}, "drop_before must be a share between 0 and 1, not -0.1"),
        ({"drop_after": 2}, "drop_after must be a share between 0 and 1, not 2"),
        ({"garbage": True}, "garbage must be a share between 0 and 1, not True"),
        ({"no_answer": "all"}, "no_answer must be a share between 0 and 1, not 'all'"),
        ({"statuses": {500: float("nan")}}, "statuses[500] must be a share between 0 and 1, not nan"),
        ({"statuses": {200: 0.1}}, "statuses are from 400 to 599, not 200"),
        ({"statuses": {"500": 0.1}}, "statuses are from 400 to 599, not '500'"),
        ({"statuses": [500]}, "statuses must be statuses with their shares, such as {500: 0.05}, not [500]"),
        ({"rate_headers": 0}, "rate_headers must be true or false, not 0"),
        ({"token_revoked": "no"}, "token_revoked must be true or false, not 'no'"),
        ({"seed": 0.5}, "seed must be a whole number of 64 bits, not 0.5"),
        ({"seed": 2**63}, f"seed must be a whole number of 64 bits, not {2**63}"),
        (
            {"statuses": {500: 0.5}, "drop_after": 0.25, "trickle_body": 0.5},
            "the shares of statuses[500], drop_after, trickle_body sum up to 1.25, at most 1 is possible",
        ),
    ],
)
def test_faults_refuse_what_makes_no_sense(options, message) -> None:
    """A share is from 0 to 1, all together too; a status is one of an error; no answer comes before its request."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Faults(**options)


def test_faults_may_strike_all_submissions() -> None:
    """Shares that make up the whole are possible, however they are rounded."""
    faults = Faults(statuses={500: 0.7}, drop_before=0.1, drop_after=0.1, garbage=0.1)

    assert faults.shares == [
        (500, 0.7),
        ("drop_before", 0.1),
        ("drop_after", 0.1),
        ("garbage", 0.1),
        ("trickle_body", 0.0),
        ("trickle_headers", 0.0),
        ("no_answer", 0.0),
    ]


def test_faults_do_not_change_with_the_mapping_they_were_made_of() -> None:
    """What was checked stays as it was."""
    statuses = {500: 0.1}
    faults = Faults(statuses=statuses)

    statuses[500] = 7

    assert faults.statuses == {500: 0.1}


@pytest.mark.parametrize(
    "change",
    [
        lambda statuses: statuses.update({500: 7}),
        lambda statuses: statuses.__setitem__(500, 7),
        lambda statuses: statuses.__delitem__(500),
        lambda statuses: statuses.__ior__({500: 7}),
        lambda statuses: statuses.setdefault(503, 7),
        lambda statuses: statuses.pop(500),
        lambda statuses: statuses.popitem(),
        lambda statuses: statuses.clear(),
    ],
)
def test_faults_do_not_change_behind_the_sandboxs_back(change) -> None:
    """Nobody would have checked the new shares, and no submission would meet them."""
    faults = Faults(statuses={500: 0.1})

    with pytest.raises(TypeError, match=r"^the statuses of Faults cannot be changed: dataclasses.replace makes other"):
        change(faults.statuses)

    assert faults.statuses == {500: 0.1}


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda faults: pickle.loads(pickle.dumps(faults)),
        lambda faults: Faults(**dataclasses.asdict(faults)),
        dataclasses.replace,
    ],
)
def test_faults_can_be_copied(copied) -> None:
    """Into another process, too."""
    faults = Faults(statuses={500: 0.1}, seed=7)

    assert copied(faults) == faults


def test_faults_can_be_written_as_json() -> None:
    """As the control does; keys are text there."""
    document = json.loads(json.dumps(dataclasses.asdict(Faults(statuses={500: 0.1}))))

    assert document["statuses"] == {"500": 0.1}


def test_faults_show_their_statuses_as_they_are_written() -> None:
    """What is printed can be typed."""
    assert "statuses={500: 0.1}" in repr(Faults(statuses={500: 0.1}))


@pytest.mark.parametrize("faults", [{}, None, 500, NextFault(fault=500)])
def test_checked_faults_are_faults(faults) -> None:
    """A dictionary is no Faults."""
    message = f"faults must be Faults, such as Faults(latency_seconds=0.1), not {faults!r}"

    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        checked_faults(faults)


def test_faults_can_be_changed_in_part() -> None:
    """A changed copy keeps the rest."""
    faults = dataclasses.replace(Faults(statuses={500: 0.1}, seed=7), latency_seconds=0.5)

    assert faults == Faults(statuses={500: 0.1}, seed=7, latency_seconds=0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fault": 202}, NO_FAULT + "202"),
        ({"fault": 500.0}, NO_FAULT + "500.0"),
        ({"fault": "drop"}, NO_FAULT + "'drop'"),
        ({"fault": []}, NO_FAULT + "[]"),
        ({"times": 0}, "times must be at least 1, not 0"),
        ({"times": 1.0}, "times must be a whole number, not 1.0"),
    ],
)
def test_next_fault_refuses_what_cannot_happen(arguments, message) -> None:
    """A fault that no request could meet is a mistake."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        NextFault(**{"fault": 500} | arguments)
