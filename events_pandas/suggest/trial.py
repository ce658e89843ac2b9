"""A rule tried on some rows before it is proposed: what a check would refuse."""

import numpy as np
import pandas as pd

from events_pandas.convert.batch import Converter
from events_pandas.convert.cells import Rows
from events_pandas.convert.problems import Finding
from events_pandas.mapping import Constant, Date, EventMapping, Rule, bind
from events_pandas.suggest.choices import Refusal


def tried(frame: pd.DataFrame, rows: Rows, rule: Rule) -> Refusal:
    """Read rows by a metadata rule, as a check does.

    Parameters
    ----------
    frame : pandas.DataFrame
        Has the rows.
    rows : numpy.ndarray of int64
        Their positions.
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
    batch = Converter(bind(frame, mapping)).convert_rows(rows)
    errors = [finding for finding in batch.findings if finding.severity == "error"]
    if not errors:
        return Refusal()
    refused = np.unique(np.concatenate([finding.rows for finding in errors]))
    return Refusal(n_rows=len(refused), example=_example(errors))


def _example(errors: list[Finding]) -> str:
    first = min(errors, key=lambda finding: int(finding.rows.min()))
    return f"{first.code}: {first.at(int(first.rows.argmin())).cure()}"
