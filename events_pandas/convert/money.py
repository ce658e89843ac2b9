"""Amounts and currencies as Intercom takes them: whole numbers of the currency's minor unit."""

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Cells, Kind, Mask, to_mask, valid_mask, without
from events_pandas.convert.readers import AMOUNT_SCALE, Faults, nothing

HUNDREDTHS = 2


@cache
def currency_decimals() -> dict[str, int]:
    """Return the decimals of each currency.

    Returns
    -------
    dict of str to int
        By the three letters in lower case; ISO 4217's codes without a minor unit, such as gold, are left out.
    """
    import iso4217  # noqa: PLC0415  # It parses a table: `import events_pandas` stays light.

    return {currency.code.lower(): currency.exponent for currency in iso4217.Currency if currency.exponent is not None}


def read_currency(cells: Cells) -> tuple[pa.Array, Faults]:
    """Read cells as currencies.

    Parameters
    ----------
    cells : Cells
        Text; nothing else is a currency.

    Returns
    -------
    values : pyarrow.LargeStringArray
        Three letters in lower case.
    faults : list
        What ISO 4217 does not know.
    """
    if cells.kind is not Kind.TEXT:
        return nothing(cells, TEXT_TYPE, "currency_unknown")
    letters = pc.utf8_lower(cells.values)
    known = to_mask(pc.is_in(letters, pa.array(list(currency_decimals()), TEXT_TYPE)))
    unknown = cells.mask() & ~known
    return without(letters, unknown), [("currency_unknown", unknown)]


def decimals_of(currencies: pa.Array) -> npt.NDArray[np.int64]:
    """Return the decimals of each currency.

    Parameters
    ----------
    currencies : pyarrow.LargeStringArray
        Three letters in lower case.

    Returns
    -------
    numpy.ndarray of int64
        Two where the currency is absent or unknown.
    """
    distinct = currencies.dictionary_encode()
    known = currency_decimals()
    decimals = [known.get(currency, HUNDREDTHS) for currency in distinct.dictionary.to_pylist()]
    # The last entry stands for absent currencies.
    table = np.array([*decimals, HUNDREDTHS], np.int64)
    found: npt.NDArray[np.int64] = table[pc.fill_null(distinct.indices, len(decimals)).to_numpy()]
    return found


def first_of_each(currencies: pa.Array, where: Mask) -> Mask:
    """Return where each currency comes first among some rows.

    Parameters
    ----------
    currencies : pyarrow.LargeStringArray
        A currency for each row, or one for all.
    where : numpy.ndarray of bool, shape (n_rows,)
        The rows.

    Returns
    -------
    numpy.ndarray of bool, shape (n_rows,)
        At most one for each currency.
    """
    rows = np.flatnonzero(where)
    codes = pc.fill_null(currencies.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False)
    firsts = np.zeros_like(where)
    firsts[rows[np.unique(np.broadcast_to(codes, where.shape)[rows], return_index=True)[1]]] = True
    return firsts


def minor_units(
    amounts: pa.Array, decimals: npt.NDArray[np.int64], *, unit: str
) -> tuple[npt.NDArray[np.int64], dict[str, Mask]]:
    """Return amounts in their currency's minor unit.

    Parameters
    ----------
    amounts : pyarrow.Int64Array
        In ten-thousandths of what was written.
    decimals : numpy.ndarray of int64
        The decimals of each amount's currency; one number stands for all.
    unit : {"major", "minor"}
        What the amounts count.

    Returns
    -------
    units : numpy.ndarray of int64
        Meaningless where the amount is null or at fault.
    faults : dict of str to mask
        Amounts not above zero, and amounts with a fraction of the minor unit.
    """
    present = valid_mask(amounts)
    scaled = pc.fill_null(amounts, AMOUNT_SCALE).to_numpy()
    per_unit = AMOUNT_SCALE // 10**decimals if unit == "major" else np.full(1, AMOUNT_SCALE)
    units, fraction = np.divmod(scaled, per_unit)
    is_positive = scaled > 0
    faults = {"amount_not_positive": present & ~is_positive, "amount_decimals": present & is_positive & (fraction != 0)}
    # One amount may stand for rows of several currencies, and one currency for rows of several amounts.
    shape = np.broadcast_shapes(scaled.shape, decimals.shape)
    return units, {code: np.broadcast_to(mask, shape) for code, mask in faults.items()}
