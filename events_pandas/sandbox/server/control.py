"""The control of a running sandbox: its settings are read and changed, by JSON or from another thread."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from events_pandas import intercom
from events_pandas.intercom import JsonObject
from events_pandas.sandbox.endpoints.replies import RefusedError, Reply, granted, refused
from events_pandas.sandbox.endpoints.routes import find_endpoint
from events_pandas.sandbox.faults import FaultPlan, Faults, NextFault
from events_pandas.sandbox.rules.events import read_payload
from events_pandas.sandbox.rules.refusals import RESOURCE_NOT_FOUND, Refusal
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox_settings import FAULT_SETTINGS, checked
from events_pandas.words import did_you_mean

CONTROL_PATH: Final = "/sandbox/control"

_NEXT_FAULT_FIELDS: Final = tuple(field.name for field in dataclasses.fields(NextFault))
_OUTAGE_FIELDS: Final = frozenset({"outage_after_seconds", "outage_seconds"})
# A status has one spelling: "0500" beside "500" would be the same status twice.
_STATUS: Final = re.compile("[1-9][0-9]{2}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """Read and change the settings of a sandbox.

    A change is checked as a whole before any part of it takes effect, and sets only what it names. Every `uptime` is
    the time by the plan's clock.
    """

    # "null" for `faults` removes all faults, "null" for `fail_next` takes back what it asked for.

    window: RateWindow
    plan: FaultPlan

    def answer(self, method: str, body: bytes, *, uptime: float) -> Reply:
        """Reply to a request: ``GET`` reads the settings, ``PATCH`` changes those in its JSON object.

        The reply has all settings, and the faults of `fail_next` that are still to come. 400 names what is wrong; other
        methods get 404.
        """
        if method not in {"GET", "PATCH"}:
            return refused(RESOURCE_NOT_FOUND)
        if method == "PATCH":
            try:
                self._change(granted(read_payload(body)), uptime=uptime)
            except RefusedError as error:
                return refused(error.refusal)
            except ValueError as error:
                return refused(Refusal(status=400, code="parameter_invalid", message=str(error)))
        settings = {
            "limit": self.window.limit,
            "window_seconds": self.window.window_seconds,
            "faults": dataclasses.asdict(self.plan.faults),
            "fail_next": [dataclasses.asdict(fault) for fault in self.plan.pending()],
        }
        return Reply(status=200, content=json.dumps(settings).encode())

    def fail_next(self, fault: NextFault) -> None:
        """Make the next requests to a path fail. ValueError: the API has no such path."""
        _require_path(fault.path)
        self.plan.fail_next(fault)

    def _change(self, settings: object, *, uptime: float) -> None:
        values = {name: _CHECKS[name](value) for name, value in _known("the body", settings, _CHECKS).items()}
        changes = values.pop("faults", {})
        faults = dataclasses.replace(self.plan.faults, **changes)
        # All values are checked: from here on nothing fails.
        if changes:
            self.plan.set_faults(faults, outage_from=None if _OUTAGE_FIELDS.isdisjoint(changes) else uptime)
        if "fail_next" in values and values["fail_next"] is None:
            self.plan.forget_next()
        elif "fail_next" in values:
            self.plan.fail_next(values["fail_next"])
        for name in {"limit", "window_seconds"} & values.keys():
            setattr(self.window, name, values[name])


def _fault_changes(changes: object) -> JsonObject:
    if changes is None:
        return dataclasses.asdict(Faults())
    fields = dict(_known("faults", changes, FAULT_SETTINGS))
    if isinstance(fields.get("statuses"), dict):
        # The keys of a JSON object are text.
        shares = fields["statuses"].items()
        fields["statuses"] = {int(key) if _STATUS.fullmatch(key) else key: share for key, share in shares}
    return fields


def _next_fault(fields: object) -> NextFault | None:
    if fields is None:
        return None
    known = _known("fail_next", fields, _NEXT_FAULT_FIELDS)
    if "fault" not in known:
        raise ValueError("fail_next needs a fault, such as 500 or 'drop_after'")
    fault = NextFault(**known)
    _require_path(fault.path)
    return fault


_CHECKS: Final[Mapping[str, Callable[[object], Any]]] = {
    "limit": partial(checked, "limit"),
    "window_seconds": partial(checked, "window_seconds"),
    "faults": _fault_changes,
    "fail_next": _next_fault,
}


def _known(name: str, document: object, fields: Iterable[str]) -> JsonObject:
    if not isinstance(document, dict):
        raise ValueError(f"{name} must be an object with some of the fields {', '.join(fields)}")  # noqa: TRY004  # From JSON.
    for field in document:
        if field not in fields:
            raise ValueError(f"{name} has no field {field!r}: {did_you_mean(field, fields)}")
    return document


def _require_path(path: object) -> None:
    is_known = isinstance(path, str) and (
        path == intercom.EVENTS_PATH or any(find_endpoint(method, path) for method in ("GET", "POST"))
    )
    if not is_known:
        raise ValueError(f"no path {path!r} in this API: use a path such as /events, /me or /contacts")
