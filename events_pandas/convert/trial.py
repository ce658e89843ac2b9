"""A rule tried on some rows before it is proposed: what a check would refuse."""

import numpy as np
import pandas as pd

from events_pandas.convert.members import metadata_member
from events_pandas.convert.problems import Finding
from events_pandas.mapping import Constant, Date, EventMapping, Rule, bind
from events_pandas.mapping.choices import Refusal


def tried(frame: pd.DataFrame, rule: Rule) -> Refusal:
    """Read rows by a metadata rule, as a check does.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    rule : Rule
        A rule that names columns of the frame.

    Returns
    -------
    Refusal
        How many rows would be invalid.
    """
    nobody = Constant("nobody")
    key = "tried_at" if isinstance(rule, Date) else "tried"
    mapping = EventMapping(event_name=nobody, created_at=Constant("2024-01-31"), user_id=nobody, metadata={key: rule})
    *_, bound = bind(frame, mapping).rules
    errors = [finding for finding in metadata_member(bound, timezone=None).findings if finding.severity == "error"]
    if not errors:
        return Refusal()
    rows = np.unique(np.concatenate([finding.rows for finding in errors]))
    return Refusal(n_rows=len(rows), example=_example(errors))


def _example(errors: list[Finding]) -> str:
    first = min(errors, key=lambda finding: int(finding.rows.min()))
    return f"{first.code}: {first.at(int(first.rows.argmin())).cure()}"
