"""The options of a run: the functions that take them show each one, with its type, its default and what it does."""

import functools
import inspect
import pickle
import pydoc
import re
import typing

import pytest
from typer.testing import CliRunner

import events_pandas as ep
from events_pandas.accessor import IntercomAccessor
from events_pandas.cli import app
from events_pandas.run import RunOptions

FUNCTIONS = [ep.submit_events, ep.iter_submit, ep.submit_file, IntercomAccessor.submit]
TYPES = typing.get_type_hints(ep.SubmitOptions)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_signature_has_each_option_with_its_type_and_default(function) -> None:
    """Editors and notebooks complete the keywords from the signature."""
    shown = inspect.signature(function).parameters

    options = {name: shown[name] for name in TYPES}
    assert {name: option.annotation for name, option in options.items()} == TYPES
    assert {name: option.default for name, option in options.items()} == {
        name: getattr(RunOptions(), name) for name in TYPES
    }
    assert {option.kind for option in options.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert "options" not in shown


def test_signature_of_the_accessor_begins_with_the_mapping(make_orders) -> None:
    """The method of a frame has no `self`."""
    assert list(inspect.signature(make_orders().intercom.submit).parameters)[:2] == ["mapping", "client"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_help_describes_each_option(function) -> None:
    """`help()` has the description that `SubmitOptions` has."""
    text = pydoc.render_doc(function, renderer=pydoc.plaintext)

    described = inspect.getdoc(ep.SubmitOptions).partition("----------\n")[2]
    assert " ".join(described.split()) in " ".join(text.split())
    assert re.findall(r"^(\w+) : ", described, flags=re.MULTILINE) == list(TYPES)


def test_description_of_each_option_ends_its_type_with_the_default() -> None:
    """The documented default is the one that a run takes."""
    documented = re.findall(r"^(\w+) : .*, default (.+)$", inspect.getdoc(ep.SubmitOptions), flags=re.MULTILINE)

    assert {name: eval(default, vars(ep)) for name, default in documented} == {
        name: getattr(RunOptions(), name) for name in TYPES
    }


def test_options_have_the_same_types_for_type_checkers_and_in_a_run() -> None:
    """Type checkers read the types of `SubmitOptions`."""
    assert list(typing.get_type_hints(RunOptions).items()) == list(TYPES.items())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_with_options_can_be_pickled_and_wrapped(function) -> None:
    """A signature that is set stays with the function, and with a function that wraps it."""

    @functools.wraps(function)
    def wrapper(*arguments, **keywords):
        return function(*arguments, **keywords)

    assert pickle.loads(pickle.dumps(function)) is function
    assert inspect.signature(wrapper) == inspect.signature(function)


@pytest.mark.parametrize(
    "name",
    ["resubmit", "preflight", "rate_share", "concurrency", "max_failure_rate", "patience_seconds", "chunksize"],
)
def test_command_says_what_python_says_first(name) -> None:
    """`events-pandas submit --help` has the first sentence about an option."""
    shown = " ".join(CliRunner().invoke(app, ["submit", "--help"]).stdout.split())
    description = inspect.getdoc(ep.SubmitOptions).partition(f"\n{name} : ")[2].partition("\n")[2]

    first = re.split(r"(?<=\.)\s", " ".join(description.split()))[0].replace("``", "")
    assert f"{first} " in shown
