"""Small eod answers and bars for the unit tests.

A row is written as the vendor writes it, value by value in JSON text, so that a test can say
`row(close="1e999")`, which no Python value can.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from data_nexus.domain.bars import EPOCH, NO_DATE, NO_ROW, Bars
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.symbol import Symbol

MCD = Symbol("MCD", "US")
WINDOW = Window(dt.date(2023, 1, 2), dt.date(2023, 1, 31))
DAY = dt.date(2023, 1, 3)
TEXTS = {
    "date": '"2023-01-03"',
    "open": "263.53",
    "high": "264.35",
    "low": "259.51",
    "close": "264.33",
    "adjusted_close": "260.1",
    "volume": "2743800",
}

# A date (None where none is readable), then open, high, low, close, adjusted close and volume.
Record = tuple[dt.date | None, float, float, float, float, float, float]
GOOD: Record = (DAY, 263.53, 264.35, 259.51, 264.33, 260.1, 2743800.0)
FIELDS = tuple(TEXTS)
UNREAD = dt.date.max  # stands for the date of a row that could not be read


def row(**texts: str | None) -> str:
    """A good row with the JSON text of some fields replaced, or (by None) left out."""
    fields = TEXTS | texts
    return "{" + ",".join(f'"{key}":{text}' for key, text in fields.items() if text) + "}"


def answer(*rows: str) -> bytes:
    """The rows as the body of an eod answer."""
    return f"[{','.join(rows)}]".encode("utf-8", "surrogatepass")


def record(**values: object) -> Record:
    """A good bar with some values replaced."""
    return tuple((dict(zip(FIELDS, GOOD, strict=True)) | values).values())  # type: ignore[return-value]


def bars_of(*records: Record) -> Bars:
    """The records as columns."""
    dates = [_as_days(r[0]) for r in records]
    numbers = np.array([r[1:] for r in records], np.float64).reshape(len(records), 6)
    return Bars(np.array(dates, np.int32), *numbers.T)


def records_of(bars: Bars) -> list[Record]:
    """The columns as records; NaN stays NaN, which equals nothing."""
    rows = zip(*(column.tolist() for column in bars.columns()), strict=True)
    return [(_as_date(day), *numbers) for day, *numbers in rows]


def _as_days(day: dt.date | None) -> int:
    return int(NO_DATE if day is None else NO_ROW if day == UNREAD else (day - EPOCH).days)


def _as_date(day: int) -> dt.date | None:
    return None if day == NO_DATE else UNREAD if day == NO_ROW else EPOCH + dt.timedelta(days=day)
