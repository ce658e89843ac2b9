"""What is asked about contacts before events are sent, as frames; and what is kept when that ends early."""

from collections.abc import Hashable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.check import chunk_bounds
from events_pandas.convert.cells import TEXT_TYPE
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.free_memory import give_back_memory
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.results.contacts import compared
from events_pandas.results.distinct_contacts import distinct_contacts
from events_pandas.results.frame import text_column
from events_pandas.run.asking import Asking
from events_pandas.run.contact_check import CONTACT_STATUS_DTYPE, NOT_ASKED, ContactCheck, ContactStatus, may_be_new
from events_pandas.run.contact_creation import (
    CONTACT_ROLES,
    ContactCreation,
    require_contacts,
    require_named,
    require_single_columns,
)
from events_pandas.run.contact_fields import field_texts, require_fields
from events_pandas.run.desk import Desk
from events_pandas.run.options import RunOptions
from events_pandas.words import full_kind_of, pandas_cure

StatusCodes: TypeAlias = npt.NDArray[np.int8]

SEARCH_LAG: Final = "Intercom's search does not show contacts that were created in the last minutes"
_KEY: Final = ["identifier", "contact"]
_KNOWN_COLUMNS: Final = [*_KEY, "status", "merged_into"]
_KNOWN_AT_A_TIME: Final = 50_000
_THERE: Final = [status.value for status in ContactStatus if status is not ContactStatus.UNKNOWN]
"""The statuses of `check_contacts` for contacts that Intercom has."""


def check_frame_contacts(
    frame: pd.DataFrame, mapping: EventMapping, *, known: pd.DataFrame | None, options: RunOptions
) -> pd.DataFrame:
    """Ask which contacts of a frame exist, as `check_contacts` documents."""
    require_mapping(mapping)
    contacts = distinct_contacts(frame, mapping)
    codes, merged_into = _answers(contacts, known)
    # What grouping them took is free now.
    give_back_memory()
    desk = Desk()

    def work() -> pd.DataFrame:
        with options.opened_client() as client:
            asking = Asking(client=client, options=options, desk=desk, pacer=Pacer(options.rate_share))
            check = ContactCheck(contacts=contacts, codes=codes, merged_into=merged_into, asking=asking)
            if (codes == NOT_ASKED).any():
                asking.find_workspace()
                check.run()
        # So is what asking for them took.
        give_back_memory()
        results = _with_statuses(contacts, check)
        _raise_stop(asking, results, next_step="check again with known=, the results of this error")
        return results

    return desk.run(work, first=lambda: True)


def _answers(contacts: pd.DataFrame, known: pd.DataFrame | None) -> tuple[StatusCodes, dict[int, str]]:
    """Return what an earlier check has found: the status of each contact, and the ids in the places of merged ones."""
    codes = np.full(len(contacts), NOT_ASKED, np.int8)
    merged_into: dict[int, str] = {}
    if known is None:
        return codes, merged_into
    _require_answers(known)
    texts = pa.array(compared(contacts))
    # A part at a time: finding texts among others takes several times their memory.
    for start, stop in chunk_bounds(len(known), _KNOWN_AT_A_TIME):
        # By position: early pandas slices an index of floats by its labels.
        answers = known.iloc[start:stop][_KNOWN_COLUMNS]
        # A file has empty texts. Of several answers for a contact the first counts.
        answers = answers[answers["status"].isin(CONTACT_STATUS_DTYPE.categories).to_numpy(bool)]
        for identifier in answers["identifier"].unique():
            own = answers[answers["identifier"].eq(identifier).to_numpy(bool)]
            found = pc.index_in(texts, value_set=pa.array(compared(own))).fill_null(NOT_ASKED).to_numpy()
            is_new = (found != NOT_ASKED) & (codes == NOT_ASKED) & contacts["identifier"].eq(identifier).to_numpy(bool)
            places, found = np.flatnonzero(is_new), found[is_new]
            # As objects: a file may have made categories of its own.
            statuses, ids = (own[column].astype(object).iloc[found] for column in ("status", "merged_into"))
            codes[places] = pd.Categorical(statuses, dtype=CONTACT_STATUS_DTYPE).codes
            is_merged = (ids.notna() & ids.ne("")).to_numpy(bool)
            merged_into |= dict(zip(places[is_merged].tolist(), ids[is_merged], strict=True))
    return codes, merged_into


def _require_answers(known: object) -> None:
    """Raise `TypeError` or `ValueError` for a table that `check_contacts` did not make."""
    if not isinstance(known, pd.DataFrame):
        cure = pandas_cure(known, "give what check_contacts returned")
        raise TypeError(f"known: expected a pandas DataFrame, got {full_kind_of(known)}: {cure}")
    if lacking := [column for column in _KNOWN_COLUMNS if column not in known]:
        raise ValueError(f"known: no column {lacking[0]!r}: give what check_contacts returned")
    require_single_columns(known, _KNOWN_COLUMNS, argument="known")
    require_named(known, "known")
    ids = known["merged_into"]
    # There may be millions of empty texts.
    if pd.api.types.infer_dtype(ids[ids.notna() & ids.ne("")].astype(object)) not in ("string", "empty"):
        cure = "read a file of contacts with dtype=str, keep_default_na=False"
        raise ValueError(f"known: the column 'merged_into' has other values than text: {cure}")
    statuses = known["status"]
    is_other = statuses.notna() & statuses.ne("") & ~statuses.isin(CONTACT_STATUS_DTYPE.categories)
    if is_other.any():
        row, words = int(is_other.to_numpy(bool).argmax()), ", ".join(CONTACT_STATUS_DTYPE.categories)
        raise ValueError(f"known: row {row} has the status {statuses.iloc[row]!r}, not one of {words}")


def _with_statuses(contacts: pd.DataFrame, check: ContactCheck) -> pd.DataFrame:
    """Return the contacts as text, with what is known of them. The columns of contacts are not copied."""
    merged_into = text_column(pa.nulls(len(contacts), TEXT_TYPE))
    if check.merged_into:
        merged_into[np.array(list(check.merged_into))] = list(check.merged_into.values())
    results = contacts.copy(deep=False)
    results["identifier"] = text_column(
        pa.array(IDENTIFIERS, TEXT_TYPE).take(pa.array(contacts["identifier"].cat.codes))
    )
    results["status"] = pd.Categorical.from_codes(check.codes, dtype=CONTACT_STATUS_DTYPE)
    results["merged_into"] = merged_into
    unknown = results.loc[results["status"].eq("unknown"), _KEY].itertuples(index=False, name=None)
    by_search = any(may_be_new(*named) for named in unknown)
    results.attrs["run"] = {**_facts(check.asking), "notes": [SEARCH_LAG] if by_search else []}
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
    _require_absent(contacts)
    require_fields(fields, contacts)
    if role not in CONTACT_ROLES:
        raise ValueError(f"role: expected 'user' or 'lead', got {role!r}")
    values = field_texts(fields, contacts)
    desk = Desk()

    def work() -> pd.DataFrame:
        with options.opened_client() as client:
            asking = Asking(client=client, options=options, desk=desk, pacer=Pacer(options.rate_share))
            creation = ContactCreation(contacts=contacts, role=role, fields=fields, values=values, asking=asking)
            if len(contacts):
                asking.find_workspace()
                creation.run()
        results = creation.results()
        results.attrs["run"] = _facts(asking)
        _raise_stop(asking, results, next_step=creation.next_step())
        return results

    return desk.run(work, first=lambda: True)


def _require_absent(contacts: pd.DataFrame) -> None:
    """Raise `ValueError` for a contact that a check has found: a request would create nothing."""
    if "status" not in contacts:
        return
    is_there = contacts["status"].isin(_THERE).to_numpy(bool)
    if is_there.any():
        row = int(is_there.argmax())
        raise ValueError(
            f"contacts: row {row} has the status {contacts['status'].iloc[row]!r}, so Intercom has the contact: "
            "give only the rows to create, such as contacts[contacts['status'] == 'unknown']"
        )


def _raise_stop(asking: Asking, results: pd.DataFrame, *, next_step: str) -> None:
    """Raise an error with the results so far if the asking has ended early."""
    if (stop := asking.stop) is not None:
        answered, total = int(results["status"].notna().sum()), len(results)
        advice = f"{next_step}: {answered:,} of {total:,} contacts have an answer"
        raise stop.advising(advice).error(results)
