"""Cells of any dtype as the text of a CSV file, from which the same is read as from the cells."""

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE, Cells, Kind, read_cells
from events_pandas.convert.readers import Faults, read, written
from events_pandas.mapping.rules import Values
from events_pandas.mapping.views import readable

# What no event can hold has no text there, but a person looks for it in the file.
_OTHERS = frozenset({Kind.BYTES, Kind.NESTED, Kind.OTHER})


def text_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Write out every cell of a frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of any dtypes; labels may be there twice.

    Returns
    -------
    pandas.DataFrame of object
        Strings, and None where a cell is absent; the labels are strings too.

    Notes
    -----
    Whole numbers have no fraction, decimals all their places, times are in ISO 8601 and in UTC if they have a zone,
    booleans are ``true`` and ``false``. Half a character (a lone surrogate) is a question mark.

    Examples
    --------
    >>> frame = pd.DataFrame({"who": ["00042", None], "total": [12.0, 19.99], "is_gift": [True, False]})
    >>> text_frame(frame).to_numpy().tolist()
    [['00042', '12', 'true'], [None, '19.99', 'false']]
    """
    columns = {position: _texts(frame.iloc[:, position]) for position in range(frame.shape[1])}
    texts = pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), dtype=object)
    return texts.set_axis([str(label) for label in frame.columns], axis="columns")


def _texts(column: Values) -> "np.typing.NDArray[np.object_]":
    column = readable(column)
    parts = read_cells(column)
    texts: np.typing.NDArray[np.object_] = read(parts, _written).values.to_numpy(zero_copy_only=False)
    others = [part for part in parts if part.kind in _OTHERS]
    if others:
        texts = texts.copy()
    for part in others:
        rows = np.flatnonzero(part.mask()) if part.rows is None else part.rows
        texts[rows] = [str(cell) for cell in column.iloc[rows]]
    return texts


def _written(cells: Cells) -> tuple[pa.Array, Faults]:
    return written(cells).cast(TEXT_TYPE), []
