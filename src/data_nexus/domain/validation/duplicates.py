"""Sort out rows that claim the same place: one date of an asset, one code of a session. Pure.

Vendors send the last session twice while they settle its volume. Rows whose prices agree are one
bar, that of the larger volume; rows whose prices differ contradict each other, and none of them can
be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars, Floats, Mask

# A price that went through numbers of 32 bits is off by less.
_AGREEMENT = 1e-6
# Fits the 64 bits of a file's integer. Of a token worth 1e-9, 1e17 may be traded in a day.
HIGHEST_VOLUME = 1e18

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class SortedOut:
    """What becomes of rows by their keys, as positions.

    `kept` has one row of each key whose rows agree, ascending by key; `is_merged` those of them
    that stand for rows which are not exactly equal; `contradicted` all rows of the other keys.
    """

    kept: Positions
    is_merged: Mask
    contradicted: Positions


def one_row_each(keys: NDArray[np.signedinteger], bars: Bars) -> SortedOut:
    """Keep one row of each key, in any order of the rows the same.

    Prices agree if they differ by no more than a millionth, or are all missing. Of agreeing rows
    the one with the largest volume that can be one is kept.
    """
    rows: Positions = np.arange(len(keys))
    if not (keys[1:] > keys[:-1]).all():
        rows = np.lexsort((*reversed(bars.prices()), -_ranked(bars.volume), keys))
    ordered = keys[rows]
    firsts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))[: len(rows)])
    nothing = np.zeros(len(firsts), np.bool_)
    if len(firsts) == len(rows):
        return SortedOut(rows, nothing, rows[:0])
    agrees, is_equal = ~nothing, ~nothing
    for price in bars.prices():
        equal, near = _compared(price[rows], firsts)
        agrees &= near
        is_equal &= equal
    is_equal &= _compared(bars.volume[rows], firsts)[0]
    sizes = np.diff(np.append(firsts, len(rows)))
    return SortedOut(
        kept=rows[firsts[agrees]],
        is_merged=~is_equal[agrees],
        contradicted=rows[np.repeat(~agrees, sizes)],
    )


def _compared(numbers: Floats, firsts: Positions) -> tuple[Mask, Mask]:
    """Say of each group of rows whether its numbers are equal, and whether they agree."""
    is_missing = np.isnan(numbers)
    highest = np.maximum.reduceat(numbers, firsts)
    lowest = np.minimum.reduceat(numbers, firsts)
    equal: Mask = (highest == lowest) | np.logical_and.reduceat(is_missing, firsts)
    is_finite = np.isfinite(highest) & np.isfinite(lowest)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = highest - lowest
        allowed = _AGREEMENT * np.maximum(np.abs(highest), np.abs(lowest))
    return equal, equal | (is_finite & (apart <= allowed))


def _ranked(volume: Floats) -> Floats:
    """Return volumes for comparison; one that is missing or cannot be one comes last."""
    with np.errstate(invalid="ignore"):
        is_one = (volume >= 0) & (volume <= HIGHEST_VOLUME)
    ranked: Floats = np.where(is_one, volume, -1.0)
    return ranked
