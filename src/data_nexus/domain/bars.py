"""`Bars`, the daily bars of one asset as columns. Pure.

Columns, not objects: five thousand bars are seven arrays, so that checks and the database's
encoding run without a Python loop.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

EPOCH = dt.date(1970, 1, 1)
NO_DATE = np.int32(np.iinfo(np.int32).min)
# In place of the date of a row that is not a readable object: nothing of it is known.
NO_ROW = np.int32(NO_DATE + 1)
PRICES = ("open", "high", "low", "close", "adjusted_close")

Days = NDArray[np.int32]
Ids = NDArray[np.int32]
Keys = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Daily bars of one asset, all columns of one length, in the order received.

    `date` counts days since 1970-01-01 (`NO_DATE` where none was readable, `NO_ROW` where the whole
    row was not); prices are in the asset's currency, as the vendor sends them; `volume` is in
    shares, as sent. A missing number is NaN, one beyond a double infinite.
    """

    date: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    adjusted_close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.date)

    @property
    def nbytes(self) -> int:
        """Size of the columns in memory, in bytes."""
        return sum(column.nbytes for column in self.columns())

    def columns(self) -> tuple[Days | Floats, ...]:
        """Return all columns in the table's order."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def prices(self) -> tuple[Floats, ...]:
        """Return the five price columns."""
        return tuple(getattr(self, name) for name in PRICES)

    def take(self, rows: NDArray[np.intp] | Mask | slice) -> Bars:
        """Return the chosen rows, by mask, by position or as a part."""
        return Bars(*(column[rows] for column in self.columns()))  # type: ignore[arg-type]

    def last_date(self) -> dt.date | None:
        """Return the latest date, or None without rows."""
        return EPOCH + dt.timedelta(days=int(self.date.max())) if len(self) else None


@dataclass(frozen=True, slots=True, eq=False)
class AssetBars:
    """Bars of several assets in one set of columns, by asset and date, one a date of each."""

    asset_id: Ids
    bars: Bars

    def __len__(self) -> int:
        return len(self.asset_id)

    def take(self, rows: NDArray[np.intp] | Mask | slice) -> AssetBars:
        """Return the chosen rows, by mask, by position or as a part."""
        return AssetBars(self.asset_id[rows], self.bars.take(rows))

    def keys(self) -> Keys:
        """Return for each row a number that ascends by asset and date and has none twice."""
        # A date before 1970 is negative.
        return (self.asset_id.astype(np.int64) << 32) + self.bars.date

    def of(self, asset_id: int) -> Bars:
        """Return the bars of one asset."""
        first, end = np.searchsorted(self.asset_id, (asset_id, asset_id + 1))
        return self.bars.take(slice(first, end))


NO_BARS = Bars(np.empty(0, np.int32), *(np.empty(0) for _ in (*PRICES, "volume")))


def joined(histories: Iterable[tuple[int, Bars]]) -> AssetBars:
    """Return the bars of assets, each ascending by date, in one set of columns."""
    ordered = sorted(histories, key=itemgetter(0))
    counts = [len(bars) for _, bars in ordered]
    asset_id = np.repeat(np.array([each for each, _ in ordered], np.int32), counts)
    parts = [bars.columns() for _, bars in ordered] or [NO_BARS.columns()]
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return AssetBars(asset_id, Bars(*columns))


def unpacked(rows: Sequence[Sequence[bytes]], epoch_day: int) -> tuple[NDArray[np.int64], Bars]:
    """Return how many bars each row holds, and the bars of all in turn.

    A row is the bytes of each column, big-endian: dates as days since `epoch_day`, which itself
    counts from 1970-01-01, then the numbers. There is no loop over bars.
    """
    counts = np.array([len(row[0]) // 4 for row in rows], np.int64)
    total = int(counts.sum())
    dates = np.empty(total, np.int32)
    numbers = tuple(np.empty(total, np.float64) for _ in NO_BARS.columns()[1:])
    end = 0
    for row, count in zip(rows, counts.tolist(), strict=True):
        part = slice(end, end := end + count)
        dates[part] = np.frombuffer(row[0], ">i4")
        for column, sent in zip(numbers, row[1:], strict=True):
            column[part] = np.frombuffer(sent, ">f8")
    dates += epoch_day
    return counts, Bars(dates, *numbers)


def days(moment: dt.date) -> int:
    """Return a date as days since 1970-01-01."""
    return (moment - EPOCH).days
