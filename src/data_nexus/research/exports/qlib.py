"""Write qlib's binary format: one calendar, the instruments, one file of float32 a field.

Source: qlib's documentation of its data layer and its `dump_bin.py`. A `.day.bin` file begins with
the position of its first value in the calendar, itself a little-endian float32; a date of the
calendar without a bar is NaN. Folders are in lower case, as qlib looks them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from data_nexus.domain.bars import Bars, Days, Floats
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.research.exports.alterations import altered, left_out
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import AssetSeries, ExportRequest
from data_nexus.research.exports.target import ExportFolder

# What a number of 32 bits, seven digits, may differ by.
_SINGLE_NOISE = 1e-6
FIELDS = ("open", "high", "low", "close", "volume", "factor")


@contextmanager
def qlib_folder(folder: ExportFolder, request: ExportRequest) -> Iterator[QlibFolder]:
    """Write a folder that `qlib.init(provider_uri=…)` takes."""
    calendar = request.calendar()
    with folder.file("calendars", "day.txt") as path:
        path.write_text("".join(f"{day_date(day)}\n" for day in calendar.tolist()), "utf-8")
    with folder.file("instruments", "all.txt") as path, path.open("w", encoding="utf-8") as listed:
        yield QlibFolder(folder, request, calendar, listed)


@dataclass(frozen=True, slots=True)
class QlibFolder:
    """A folder of features that assets are added to."""

    _folder: ExportFolder
    _request: ExportRequest
    _calendar: Days
    _instruments: TextIO

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""
        bars = self._on_calendar(series.ticker, self._request.bars(series))
        if not len(bars):
            return 0
        name = file_name(series.ticker)
        at = np.searchsorted(self._calendar, bars.date)
        fields = _fields(series, bars)
        held = {field: _single(values) for field, values in fields.items()}
        self._note(series.ticker, fields, held)
        for field, values in held.items():
            row = np.full(int(at[-1] - at[0]) + 2, np.nan, "<f4")
            row[0] = at[0]
            row[at - at[0] + 1] = values
            with self._folder.file("features", name.lower(), f"{field}.day.bin") as path:
                path.write_bytes(row.tobytes())
        first, last = (day_date(int(day)) for day in (bars.date[0], bars.date[-1]))
        self._instruments.write(f"{name.upper()}\t{first}\t{last}\n")
        return len(bars)

    def _on_calendar(self, ticker: str, bars: Bars) -> Bars:
        """Return the bars on days of the calendar; note the others, which are left out."""
        is_day = np.isin(bars.date, self._calendar)
        self._request.note(left_out(ticker, bars.date[~is_day], "the exchange had no session"))
        return bars.take(is_day)

    def _note(self, ticker: str, fields: dict[str, Floats], held: dict[str, Floats]) -> None:
        """Note which numbers are beyond 32 bits; all others lose digits that no price has."""
        for what, names in (("prices", FIELDS[:4]), ("volumes", FIELDS[4:5])):
            pairs = [(fields[name], held[name]) for name in names]
            reason = "qlib holds numbers of 32 bits"
            self._request.note(altered(ticker, what, pairs, reason, _SINGLE_NOISE))


def _single(values: Floats) -> Floats:
    """Return numbers as 32 bits hold them; what they cannot hold is missing."""
    with np.errstate(over="ignore", under="ignore"):
        held = values.astype(np.float32).astype(np.float64)
    return np.where(np.isfinite(held), held, np.nan)


def _fields(series: AssetSeries, bars: Bars) -> dict[str, Floats]:
    """Return the fields of qlib's own data; `factor` is the adjusted price over the raw one."""
    raw = series.bars.close[np.searchsorted(series.bars.date, bars.date)]
    with np.errstate(over="ignore"):
        factor: Floats = np.divide(bars.close, raw, out=np.ones(len(bars)), where=raw != 0)
    return {name: factor if name == "factor" else getattr(bars, name) for name in FIELDS}
