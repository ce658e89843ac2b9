"""Options from a file and from the environment, beside those of the command line."""

import math
import os
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from events_pandas.cli.printout import Printout
from events_pandas.words import did_you_mean, escaped, listed

SETTINGS_FILE: Final = Path("events-pandas.toml")
VARIABLE_PREFIX: Final = "EVENTS_PANDAS_"
TOKEN_VARIABLE: Final = "INTERCOM_ACCESS_TOKEN"  # noqa: S105  # The name of a variable.
_REGION_VARIABLE: Final = "INTERCOM_REGION"
OWN_TABLES: Final = ("sandbox",)
"""Commands whose options have other meanings than those of the same name elsewhere."""
_OTHER_VARIABLES: Final = frozenset({"BROWSER", "DEBUG", "ENGINES", "JOURNALS"})
"""The variables that are not those of options, without their prefix."""
_SHOW_CONFIG: Final = "--show-config"
_CONFIG: Final = "--config"
_JSON, _NO_JSON = "--json", "--no-json"
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
"""The words for a flag that is set, as the parser reads the environment."""
_APART: Final = ("config", "show-config", "help")
"""Options that no file can hold."""
_WITH_BLANKS: Final = ("keys",)
"""Options that may be repeated, and whose values may have blanks."""
_ADDRESSES: Final = ("region", "base_url")
"""Options of which only one says where requests go."""
_PLACES: Final = ("COMMANDLINE", "ENVIRONMENT", "DEFAULT_MAP")
"""Where a value may come from, the place that counts most first."""
_TOKEN_PLACE: Final = f"the access token is read from {TOKEN_VARIABLE} only"
_FILES: Final = ("file", "files", "path", "paths", "source")
"""What somebody may call the files of rows in a file of settings."""


def use_file(context: typer.Context, path: Path | None) -> Path | None:
    """Take the defaults of the other options from the file. The parser calls this before it reads them."""
    if context.resilient_parsing:
        # Completion shows options, whatever the file has.
        return path
    file = path or SETTINGS_FILE
    if path is not None or file.is_file():
        context.default_map = _defaults(file, context)
        context.meta[VARIABLE_PREFIX] = str(file)
    return path


Config = Annotated[
    Path | None,
    typer.Option(
        _CONFIG,
        metavar="FILE",
        is_eager=True,
        callback=use_file,
        help=f"Read options from this TOML file; by default {SETTINGS_FILE}, if it is there.",
    ),
]
ShowConfig = Annotated[
    bool, typer.Option(_SHOW_CONFIG, help="Print the value of each option and where it comes from, and exit.")
]


def _keep_whole(parameter: Any) -> None:
    """Take the value of a variable as one text, which the parser would split at blanks."""
    parameter.envvar_list_splitter = "\0"
    # Older versions ask the type, of which all options have the same.
    if hasattr(parameter, "type"):
        parameter.type = copy(parameter.type)
        parameter.type.envvar_list_splitter = "\0"


class ConfiguredCommand(TyperCommand):
    """A command whose options may also come from the environment and from a file."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if parameter.param_type_name == "option":
                parameter.envvar = variable_of(parameter, self.name)
                if key_of(parameter) in _WITH_BLANKS:
                    _keep_whole(parameter)
                parameter.show_envvar = False  # type: ignore[attr-defined]  # Options have it, arguments have not.
                if getattr(parameter, "is_bool_flag", False) and key_of(parameter) not in _APART:
                    # Without it the command line could not undo what the environment or the file says.
                    parameter.secondary_opts = [opposite_of(key_of(parameter))]
                    # "no-yes" explains nothing.
                    parameter.show_default = bool(parameter.default)  # type: ignore[attr-defined]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; what is missing does not matter if only the options are to be shown."""
        if _SHOW_CONFIG in args:
            for parameter in self.params:
                parameter.required = False
        rest = super().parse_args(ctx, args)
        _leave_one_address(ctx)
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command, or show its options."""
        if ctx.params["show_config"]:
            _show(Printout(command=ctx.info_name, as_json=ctx.params["as_json"]), _settings(self.params, ctx))
            return None
        return super().invoke(ctx)


def _leave_one_address(context: Any) -> None:
    """Leave out the region or the base URL if the other one comes from a place that counts more.

    Raise `BadParameter` if both come from the same place. The client refuses both of a command line.
    """
    both = [each for each in context.command.params if each.name in _ADDRESSES and context.params.get(each.name)]
    if len(both) < len(_ADDRESSES):
        return
    first, second = both
    ranks = [_PLACES.index(_place_of(each, context)) for each in both]
    if ranks[0] != ranks[1]:
        weaker = first if ranks[0] > ranks[1] else second
        context.params[weaker.name] = None
        context.set_parameter_source(weaker.name, type(context.get_parameter_source(weaker.name)).DEFAULT)
    elif origin_of(first, context) is not None:
        places = " and ".join(str(origin_of(each, context)) for each in both)
        raise typer.BadParameter(f"{places} are both given: leave only one of them", ctx=context)


def _place_of(parameter: Any, context: Any) -> str:
    return str(getattr(context.get_parameter_source(parameter.name), "name", ""))


def variable_of(parameter: Any, command: str | None) -> str:
    """Return the environment variable of an option."""
    own = f"{command}_" if command in OWN_TABLES else ""
    return f"{VARIABLE_PREFIX}{own}{key_of(parameter)}".upper().replace("-", "_")


def unknown_variables(commands: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each variable of the environment whose name looks like that of an option and is not."""
    known = {
        variable_of(parameter, name).removeprefix(VARIABLE_PREFIX)
        for name, command in commands.items()
        for parameter in command.params
        if parameter.param_type_name == "option"
    }
    for name in sorted(os.environ):
        word = name.removeprefix(VARIABLE_PREFIX)
        if name.startswith(VARIABLE_PREFIX) and word not in known | _OTHER_VARIABLES:
            hint = did_you_mean(word, sorted(known), otherwise="there is no such option")
            # Compared without their prefix, which would make all names alike.
            shown = _TOKEN_PLACE if "TOKEN" in word else hint.replace("mean '", f"mean '{VARIABLE_PREFIX}")
            yield f"{escaped(name)} is ignored: {shown}"


def key_of(parameter: Any) -> str:
    """Return the name of an option in a file: its long one, without dashes."""
    return str(max(parameter.opts, key=len)).lstrip("-")


def opposite_of(key: str) -> str:
    """Return the option that undoes a flag.

    >>> opposite_of("resubmit"), opposite_of("no-rate-headers")
    ('--no-resubmit', '--rate-headers')
    """
    return f"--{key.removeprefix('no-')}" if key.startswith("no-") else f"--no-{key}"


def asks_for_document(context: Any, arguments: Sequence[str]) -> bool:
    """Return whether `--json` holds for a command whose arguments cannot be read, as far as it can be known."""
    if flags := [argument for argument in arguments if argument in (_JSON, _NO_JSON)]:
        return flags[-1] == _JSON
    value = value_unread("json", context, arguments)
    return value is True or str(value).strip().lower() in _TRUE


def value_unread(key: str, context: Any, arguments: Sequence[str]) -> object:
    """Return the value of an option of a command whose arguments cannot be read; None if it has none."""
    option = next((each for each in context.command.params if key_of(each) == key), None)
    if option is None:
        return None
    given = _word_among(arguments, f"--{key}") or os.environ.get(variable_of(option, context.info_name))
    if given is not None:
        return given
    # A fault of the file is the error itself, or comes after it.
    with suppress(typer.BadParameter):
        file = _word_among(arguments, _CONFIG) or os.environ.get(f"{VARIABLE_PREFIX}CONFIG") or SETTINGS_FILE
        tables = _read(Path(file))
        table = tables.get(context.info_name) if context.info_name in OWN_TABLES else tables
        return table.get(key) if isinstance(table, dict) else None
    return None


def _word_among(arguments: Sequence[str], option: str) -> str | None:
    """Return the value that an option is given among arguments."""
    words = [word for argument in arguments for word in ([argument] if argument == option else argument.split("=", 1))]
    return words[words.index(option) + 1] if option in words[:-1] else None


def origin_of(parameter: Any, context: Any) -> str | None:
    """Say where a value of an option comes from, if it is the environment or a file."""
    source = _place_of(parameter, context)
    if source == "ENVIRONMENT":
        return variable_of(parameter, context.info_name)
    file = escaped(context.meta.get(VARIABLE_PREFIX, SETTINGS_FILE))
    return f"{key_of(parameter)!r} in {file}" if source == "DEFAULT_MAP" else None


def origins(context: Any) -> dict[str, str]:
    """Return where the values of options come from, for each option that the environment or a file has."""
    found = {parameter: origin_of(parameter, context) for parameter in context.command.params}
    return {name: origin for parameter, origin in found.items() if origin is not None for name in parameter.opts}


def missing_from(context: typer.Context) -> str:
    """Say which file does not have a missing option, or was not there to have it: cron starts in the home folder."""
    if (file := context.meta.get(VARIABLE_PREFIX)) is not None:
        return f"{escaped(file)} does not have it"
    # The folder itself may be gone.
    with suppress(OSError):
        return f"there is no '{escaped(SETTINGS_FILE.absolute())}' that has it"
    return f"there is no {SETTINGS_FILE} that has it"


def _settings(parameters: Sequence[Any], context: Any) -> Iterator[tuple[str, object, str]]:
    """Yield each option with its value and where this comes from. Of a token only whether it is set."""
    file = context.meta.get(VARIABLE_PREFIX, str(SETTINGS_FILE))
    for parameter in parameters:
        key = key_of(parameter)
        if parameter.param_type_name == "option" and key not in _APART:
            sources = {
                "COMMANDLINE": "command line",
                "ENVIRONMENT": variable_of(parameter, context.info_name),
                "DEFAULT_MAP": escaped(file),
            }
            value = context.params.get(parameter.name)
            origin = sources.get(_place_of(parameter, context), "default")
            if key == "region" and (region := _region_of_environment(context)) is not None:
                value, origin = region, _REGION_VARIABLE
            yield key, _set_or_not(value) if "token" in key else value, origin
    token = os.environ.get(TOKEN_VARIABLE)
    yield TOKEN_VARIABLE, _set_or_not(token), "environment" if token else "default"


def _show(printout: Printout, settings: Iterable[tuple[str, object, str]]) -> None:
    """Print options as a table, or as a document."""
    rows = list(settings)
    if printout.as_json:
        printout.add(options=[{"option": key, "value": _plain(value), "source": origin} for key, value, origin in rows])
        printout.close(0)
        return
    texts = [(key, _text(value), origin) for key, value, origin in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        printout.say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _plain(value: object) -> object:
    """Return a value that JSON has."""
    if isinstance(value, list | tuple):
        return list(map(str, value))
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return value if value is None or is_number else str(value)


def _region_of_environment(context: Any) -> str | None:
    """Return the region that the client would read from the environment; None if an option gives the address."""
    # A sandbox has a region of its own.
    is_given = context.params.get("region") or context.params.get("base_url") or context.info_name in OWN_TABLES
    return None if is_given else os.environ.get(_REGION_VARIABLE, "").strip() or None


def _set_or_not(value: object) -> str:
    return "is set" if value else "is not set"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(escaped, value)) or "-"
    return "-" if value is None else escaped(value)


def _defaults(file: Path, context: typer.Context) -> dict[str, Any]:
    """Return what the file says of the options of a command, by parameter. Raise `BadParameter` for what it cannot."""
    tables = _read(file)
    group = context.find_root().command
    commands: Mapping[str, Any] = getattr(group, "commands", {})
    shared = {
        key: parameter
        for name, command in commands.items()
        if name not in OWN_TABLES
        for key, parameter in _settable(command)
    }
    own = {name: tables.pop(name) for name in OWN_TABLES if isinstance(tables.get(name), dict)}
    for key in tables:
        if key not in shared:
            cure = _cure(key, commands) or _hint(key, [*shared, *OWN_TABLES], context.command_path)
            raise _fault(file, f"there is no option {key!r}: {cure}")
    for name, table in own.items():
        known = dict(_settable(commands[name]))
        for key in table:
            if key not in known:
                hint = _hint(key, known, f"{context.find_root().command_path} {name}")
                raise _fault(file, f"[{name}]: there is no option {key!r}: {hint}")
    given = own.get(context.info_name or "", {}) if context.info_name in OWN_TABLES else tables
    settable = dict(_settable(context.command))
    return {
        settable[key].name: _value(value, settable[key], file=file) for key, value in given.items() if key in settable
    }


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _fault(file, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise _fault(file, f"is not TOML: {error}") from error


def _settable(command: Any) -> Iterator[tuple[str, Any]]:
    for parameter in command.params:
        if parameter.param_type_name == "option" and (key := key_of(parameter)) not in _APART:
            yield key, parameter


def _hint(key: str, known: Collection[str], command: str) -> str:
    return did_you_mean(key, known, otherwise=f"see `{command} --help`")


def _cure(key: str, commands: Collection[str]) -> str | None:
    """Say where something belongs that a file cannot hold; None for another key."""
    word = key.lower().replace("_", "-")
    if "token" in word:
        return _TOKEN_PLACE
    if word in _FILES:
        return "name the files on the command line"
    if word in _APART:
        return f"give --{word} on the command line"
    if word in OWN_TABLES:
        return f"write [{word}], and its options below"
    if word in commands:
        return f"write the options of {word} without a table: only {listed(OWN_TABLES)} has one"
    return None


def _value(value: Any, parameter: Any, *, file: Path) -> Any:
    """Return a value as the parser takes it. Numbers become text, which the option reads as on the command line."""
    key = key_of(parameter)
    if parameter.is_flag:
        if not isinstance(value, bool):
            raise _fault(file, f"{key}: expected true or false, got {value!r}")
        return value
    if parameter.multiple:
        return [str(each) for each in (value if isinstance(value, list) else [value])]
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _fault(file, f"{key}: expected text or a number, got {value!r}")
    return str(value)


def _fault(file: Path, problem: str) -> typer.BadParameter:
    return typer.BadParameter(escaped(f"{file}: {problem}"))
