"""The control of a sandbox while it runs: its settings read and changed, by JSON or from another thread."""

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from events_pandas import intercom
from events_pandas.sandbox.endpoints.answers import Answer, refused
from events_pandas.sandbox.endpoints.routes import find_endpoint
from events_pandas.sandbox.faults.faults import Faults, NextFault
from events_pandas.sandbox.faults.plan import FaultPlan
from events_pandas.sandbox.rules.refusals import RESOURCE_NOT_FOUND, Refusal
from events_pandas.sandbox.rules.window import RateWindow, checked_limit, checked_window_seconds

CONTROL_PATH: Final = "/sandbox/control"

_FIELDS: Final = ("limit", "window_seconds", "faults", "fail_next")
_FAULTS_FIELDS: Final = tuple(field.name for field in dataclasses.fields(Faults))
_NEXT_FAULT_FIELDS: Final = tuple(field.name for field in dataclasses.fields(NextFault))
_OUTAGE_FIELDS: Final = frozenset({"outage_after_seconds", "outage_seconds"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """Read and change the settings of a sandbox.

    Parameters
    ----------
    window : RateWindow
        The rate limit.
    plan : FaultPlan
        What goes wrong.

    Notes
    -----
    Every change is judged as a whole before anything of it takes effect.
    """

    window: RateWindow
    plan: FaultPlan

    def answer(self, method: str, body: bytes, *, uptime: float) -> Answer:
        """Answer a request to the control.

        Parameters
        ----------
        method : str
            ``GET`` reads, ``PATCH`` changes.
        body : bytes
            Of a PATCH: a JSON object with the settings to change.
        uptime : float
            The time by the plan's clock.

        Returns
        -------
        Answer
            All settings; 400 that names what is wrong, 404 for other methods.
        """
        if method not in {"GET", "PATCH"}:
            return refused(RESOURCE_NOT_FOUND)
        if method == "PATCH":
            try:
                self._change(_settings(body), uptime=uptime)
            except (ValueError, RecursionError) as error:
                return refused(Refusal(status=400, code="parameter_invalid", message=str(error)))
        return Answer(status=200, content=json.dumps(self._settings()).encode())

    def set_faults(self, faults: Faults, *, uptime: float) -> None:
        """Wish for other faults from now on; an outage is counted from now.

        Parameters
        ----------
        faults : Faults
            All of them.
        uptime : float
            The time by the plan's clock.

        Raises
        ------
        TypeError
            If they are no faults.
        """
        if not isinstance(faults, Faults):
            raise TypeError(f"faults must be Faults, such as Faults(latency_seconds=0.1), not {faults!r}")
        self.plan.set_faults(faults, outage_from=uptime)

    def fail_next(self, fault: NextFault) -> None:
        """Let the next requests to a path fail.

        Parameters
        ----------
        fault : NextFault
            What, how often, and where.

        Raises
        ------
        ValueError
            If the API has no such path.
        """
        _require_path(fault.path)
        self.plan.fail_next(fault)

    def _settings(self) -> dict[str, object]:
        return {
            "limit": self.window.limit,
            "window_seconds": self.window.window_seconds,
            "faults": dataclasses.asdict(self.plan.faults),
        }

    def _change(self, settings: Mapping[str, Any], *, uptime: float) -> None:
        limit = checked_limit(settings.get("limit", self.window.limit))
        window_seconds = checked_window_seconds(settings.get("window_seconds", self.window.window_seconds))
        changes = _fault_changes(settings.get("faults", {}))
        faults = dataclasses.replace(self.plan.faults, **changes)
        next_fault = _next_fault(settings["fail_next"]) if "fail_next" in settings else None
        # All of it makes sense: from here on nothing fails.
        self.window.limit = limit
        if window_seconds != self.window.window_seconds:
            self.window.window_seconds = window_seconds
        if changes:
            self.plan.set_faults(faults, outage_from=None if _OUTAGE_FIELDS.isdisjoint(changes) else uptime)
        if next_fault is not None:
            self.plan.fail_next(next_fault)


def _settings(body: bytes) -> Mapping[str, Any]:
    try:
        settings = json.loads(body)
    except ValueError as error:
        raise ValueError(f"the body is no JSON: {error}") from error
    return _known("the body", settings, _FIELDS)


def _fault_changes(changes: object) -> dict[str, Any]:
    fields = dict(_known("faults", changes, _FAULTS_FIELDS))
    if isinstance(fields.get("statuses"), dict):
        # The keys of a JSON object are text.
        fields["statuses"] = {_status(key): share for key, share in fields["statuses"].items()}
    return fields


def _next_fault(fields: object) -> NextFault:
    known = _known("fail_next", fields, _NEXT_FAULT_FIELDS)
    if "fault" not in known:
        raise ValueError("fail_next needs a fault, such as 500 or 'drop_after'")
    fault = NextFault(**known)
    _require_path(fault.path)
    return fault


def _known(name: str, document: object, fields: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise ValueError(f"{name} must be an object with some of the fields {', '.join(fields)}")  # noqa: TRY004  # From JSON.
    for field in document:
        if field not in fields:
            similar = difflib.get_close_matches(field, fields, n=1)
            hint = f"did you mean {similar[0]!r}?" if similar else f"there are {', '.join(fields)}"
            raise ValueError(f"{name} has no field {field!r}: {hint}")
    return document


def _status(key: str) -> int | str:
    return int(key) if key.isdecimal() else key


def _require_path(path: object) -> None:
    is_known = isinstance(path, str) and (
        path == intercom.EVENTS_PATH or any(find_endpoint(method, path) for method in ("GET", "POST"))
    )
    if not is_known:
        raise ValueError(f"no path {path!r} in this API: faults are possible at /events, /me, /contacts and the like")
