"""Write qlib's binary format: a calendar, the instruments, one file of float32 a field.

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

from data_nexus.domain.bars import Bars, Days, Floats, days
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import AssetSeries, ExportRequest
from data_nexus.research.exports.target import ExportFolder

FIELDS = ("open", "high", "low", "close", "volume", "factor")


@contextmanager
def qlib_folder(folder: ExportFolder, request: ExportRequest) -> Iterator[QlibFolder]:
    """Write a folder that `qlib.init(provider_uri=…)` takes."""
    sessions = request.sessions()
    with folder.file("calendars", "day.txt") as path:
        path.write_text("".join(f"{day}\n" for day in sessions), "utf-8")
    calendar = np.array([days(day) for day in sessions], np.int32)
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
        bars = self._request.bars(series)
        if not len(bars):
            return 0
        name = file_name(series.ticker)
        at = np.searchsorted(self._calendar, bars.date)
        for field, values in _fields(series, bars).items():
            row = np.full(int(at[-1] - at[0]) + 2, np.nan, "<f4")
            row[0] = at[0]
            row[at - at[0] + 1] = values
            with self._folder.file("features", name.lower(), f"{field}.day.bin") as path:
                path.write_bytes(row.tobytes())
        first, last = (day_date(int(day)) for day in (bars.date[0], bars.date[-1]))
        self._instruments.write(f"{name.upper()}\t{first}\t{last}\n")
        return len(bars)


def _fields(series: AssetSeries, bars: Bars) -> dict[str, Floats]:
    """Return the fields of qlib's own data; `factor` is the adjusted price over the raw one."""
    first = int(np.searchsorted(series.bars.date, bars.date[0]))
    raw = series.bars.close[first : first + len(bars)]
    factor: Floats = np.divide(bars.close, raw, out=np.ones(len(bars)), where=raw > 0)
    return {name: factor if name == "factor" else getattr(bars, name) for name in FIELDS}
