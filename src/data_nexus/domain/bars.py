"""`Bars`, the daily bars of one asset as columns. Pure.

Columns, not objects: five thousand bars are seven arrays, so that checks and the database's
encoding run without a Python loop.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

EPOCH = dt.date(1970, 1, 1)
NO_DATE = np.int32(np.iinfo(np.int32).min)
# In place of the date of a row that is not a readable object: nothing of it is known.
NO_ROW = np.int32(NO_DATE + 1)
PRICES = ("open", "high", "low", "close", "adjusted_close")

Days = NDArray[np.int32]
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

    def take(self, rows: NDArray[np.intp] | Mask) -> Bars:
        """Return the chosen rows, by mask or by position."""
        return Bars(*(column[rows] for column in self.columns()))  # type: ignore[arg-type]

    def last_date(self) -> dt.date | None:
        """Return the latest date, or None without rows."""
        return EPOCH + dt.timedelta(days=int(self.date.max())) if len(self) else None


def days(moment: dt.date) -> int:
    """Return a date as days since 1970-01-01."""
    return (moment - EPOCH).days
