"""What is asked about contacts before events are sent, as frames; and what is kept when that ends early."""

from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.errors import SubmissionError
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.results.contacts import distinct_contacts
from events_pandas.results.frame import text_column
from events_pandas.run.asking import Asking
from events_pandas.run.contact_check import CONTACT_STATUS_DTYPE, NOT_ASKED, ContactCheck
from events_pandas.run.contact_creation import CONTACT_ROLES, ContactCreation, require_contacts, require_fields
from events_pandas.run.desk import Desk
from events_pandas.run.options import RunOptions
from events_pandas.run.run import stop_error
from events_pandas.words import kind_of

SEARCH_LAG: Final = "Intercom's search does not show contacts that were created in the last minutes"
_KEY: Final = ["identifier", "contact"]
_KNOWN_COLUMNS: Final = [*_KEY, "status", "merged_into"]


def check_frame_contacts(
    frame: pd.DataFrame, mapping: EventMapping, *, known: pd.DataFrame | None, options: RunOptions
) -> pd.DataFrame:
    """Ask which contacts of a frame exist, as `check_contacts` documents."""
    require_mapping(mapping)
    contacts = _with_answers(distinct_contacts(frame, mapping), known)
    desk = Desk()

    def work() -> pd.DataFrame:
        with options.opened_client() as client:
            asking = Asking(client=client, options=options, desk=desk, pacer=Pacer(options.rate_share))
            codes = contacts["status"].cat.codes.to_numpy(copy=True).astype(np.int8)
            check = ContactCheck(contacts=contacts, codes=codes, asking=asking)
            if (codes == NOT_ASKED).any():
                asking.find_workspace()
                check.run()
        results = _with_statuses(contacts, check)
        again = "check again with known=, the results of this error"
        _require_whole(results, asking, refusal=check.refusal, again=again)
        return results

    return desk.run(work, first=lambda: True)


def _with_answers(contacts: pd.DataFrame, known: pd.DataFrame | None) -> pd.DataFrame:
    """Add the statuses that an earlier check has found."""
    if known is None:
        none = text_column([None] * len(contacts))
        status = pd.Categorical.from_codes(np.full(len(contacts), NOT_ASKED), dtype=CONTACT_STATUS_DTYPE)
        return contacts.assign(status=status, merged_into=none)
    if not isinstance(known, pd.DataFrame):
        raise TypeError(f"known: expected a DataFrame, got {kind_of(known)}: give what check_contacts returned")
    if lacking := [column for column in _KNOWN_COLUMNS if column not in known]:
        raise ValueError(f"known: no column {lacking[0]!r}: give what check_contacts returned")
    answers = known[_KNOWN_COLUMNS].drop_duplicates(_KEY)
    answers = answers.astype({**dict.fromkeys([*_KEY, "merged_into"], contacts["contact"].dtype)})
    joined = contacts.merge(answers, how="left", on=_KEY)
    return joined.assign(status=joined["status"].astype(CONTACT_STATUS_DTYPE))


def _with_statuses(contacts: pd.DataFrame, check: ContactCheck) -> pd.DataFrame:
    merged = contacts["merged_into"].to_numpy(object, copy=True)
    for position, contact in check.merged_into.items():
        merged[position] = contact
    status = pd.Categorical.from_codes(check.codes, dtype=CONTACT_STATUS_DTYPE)
    results = contacts.assign(status=status, merged_into=text_column(merged))
    by_search = results["identifier"].eq("email") & results["status"].eq("unknown")
    results.attrs["run"] = {**_facts(check.asking), "notes": [SEARCH_LAG] if by_search.any() else []}
    return results


def _facts(asking: Asking) -> dict[str, Any]:
    workspace = asking.workspace
    named = None if workspace is None else {"id_code": workspace.id_code, "name": workspace.name}
    return {"workspace": named, "requests": asking.requests}


def create_frame_contacts(
    contacts: pd.DataFrame, *, role: str, fields: Mapping[str, Hashable] | None, options: RunOptions
) -> pd.DataFrame:
    """Create contacts, as `create_contacts` documents."""
    fields = {} if fields is None else fields
    require_contacts(contacts)
    require_fields(fields, contacts)
    if role not in CONTACT_ROLES:
        raise ValueError(f"role: expected 'user' or 'lead', got {role!r}")
    desk = Desk()

    def work() -> pd.DataFrame:
        with options.opened_client() as client:
            asking = Asking(client=client, options=options, desk=desk, pacer=Pacer(options.rate_share))
            creation = ContactCreation(contacts=contacts, role=role, fields=fields, asking=asking)
            if len(contacts):
                asking.find_workspace()
                creation.run()
        results = creation.results()
        results.attrs["run"] = _facts(asking)
        _require_whole(results, asking, refusal=creation.refusal, again="create the results of this error again")
        return results

    return desk.run(work, first=lambda: True)


def _require_whole(results: pd.DataFrame, asking: Asking, *, refusal: str, again: str) -> None:
    """Raise an error with the results so far if contacts have none."""
    left, total = int(results["status"].isna().sum()), len(results)
    next_step = f"{again}: {total - left:,} of {total:,} contacts have an answer"
    if (stop := asking.stop) is not None:
        raise stop_error(stop.advising(next_step), results) from stop.cause
    if left:
        message = f"Intercom did not answer for {left:,} contacts ({refusal}): to go on, {next_step}"
        raise SubmissionError(message, results=results)
