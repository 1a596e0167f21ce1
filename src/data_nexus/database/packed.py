"""Decode bars that PostgreSQL sends as one row an asset, without a loop over bars.

PostgreSQL concatenates each column's numbers in its wire format, big-endian; numpy swaps them. A
million bars cost some thousand Python objects instead of eight million (ADR 0023). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_nexus.database.connection import EPOCH_DAY
from data_nexus.domain.bars import Bars

_NUMBERS = 6
_DATE_BYTES = 4


def unpacked(rows: Sequence[Sequence[Any]]) -> tuple[NDArray[np.int64], Bars]:
    """Return the number of bars of each row, and the bars of all in turn.

    A row is an asset's id, its dates, and each column of numbers, as `read_bars` has them.
    """
    counts = np.array([len(row[1]) // _DATE_BYTES for row in rows], np.int64)
    total = int(counts.sum())
    dates = np.empty(total, np.int32)
    numbers = tuple(np.empty(total, np.float64) for _ in range(_NUMBERS))
    end = 0
    for row, count in zip(rows, counts.tolist(), strict=True):
        part = slice(end, end := end + count)
        dates[part] = np.frombuffer(row[1], ">i4")
        for column, sent in zip(numbers, row[2:], strict=True):
            column[part] = np.frombuffer(sent, ">f8")
    dates += EPOCH_DAY
    return counts, Bars(dates, *numbers)
