"""Lay out a snapshot: which part a bar belongs to, and how the files are named. Pure.

A part is a file: the bars of neighbouring assets of one exchange in one period. Periods are five
calendar years, the whole years since, the running year up to its last month, and the running
month: a day appends to the last of them only, and a year is at most four files. In a file each
calendar year is a row group, sorted by asset and date.

The numbers are measured: see docs/adr/0024.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

ASSETS_A_PART = 64
YEARS_A_PART = 5
_FIRST_YEAR = 1900
_EXCHANGE = re.compile(r"[A-Za-z0-9]{1,16}")
_BARS = r"bars/exchange=(?:[A-Za-z0-9]{1,16}|_)/[0-9]{6,10}-[0-9]{8}-[0-9]{8}-[0-9a-f]{20}\.parquet"
_SMALL = r"(assets|listings|discoveries|splits|dividends)/all-[0-9a-f]{20}\.parquet"
_TABLE_FILE = re.compile(f"(bars)/{_BARS.removeprefix('bars/')}|{_SMALL}")
# The names of a snapshot's files, and no others; only such files are ever removed.
OUR_FILE = re.compile(rf"(?:{_BARS}|{_SMALL})(?:\.[0-9]+\.part)?|manifest\.json\.[0-9]+\.part")


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both included; None is no limit."""

    first: date | None
    last: date | None


def starts_of(newest: date) -> list[date]:
    """Return the first days of all periods but the first, for bars that end around `newest`."""
    block = newest.year - (newest.year - _FIRST_YEAR) % YEARS_A_PART
    starts = [date(year, 1, 1) for year in range(_FIRST_YEAR, block + 1, YEARS_A_PART)]
    for start in (date(newest.year, 1, 1), newest.replace(day=1)):
        if start > starts[-1]:
            starts.append(start)
    return starts


def periods_of(starts: Sequence[date]) -> list[Period]:
    """Return the periods that begin before, at and between the starts."""
    ends = [start - timedelta(1) for start in starts]
    return [Period(first, last) for first, last in zip([None, *starts], [*ends, None], strict=True)]


def bars_path(exchange: str, number: int, period: Period, sha256: str) -> str:
    """Return the path of a file of bars below the storage's root.

    It is made of numbers and an exchange's code; text that is not a code is never part of it.
    """
    folder = exchange if _EXCHANGE.fullmatch(exchange) else "_"
    first = f"{period.first:%Y%m%d}" if period.first else "00000000"
    last = f"{period.last:%Y%m%d}" if period.last else "99999999"
    return f"bars/exchange={folder}/{number:06d}-{first}-{last}-{sha256[:20]}.parquet"


def table_path(table: str, sha256: str) -> str:
    """Return the path of the one file of a small table below the storage's root."""
    return f"{table}/all-{sha256[:20]}.parquet"


def table_of_file(path: str) -> str | None:
    """Return the table whose file a path can be; None for a path that no snapshot has."""
    found = _TABLE_FILE.fullmatch(path)
    return found and (found[1] or found[2])
