"""List the export formats: a name, a purpose, a writer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from data_nexus.research.exports.backtrader import backtrader_folder
from data_nexus.research.exports.lean import lean_folder
from data_nexus.research.exports.nautilus import nautilus_catalog, nautilus_folder
from data_nexus.research.exports.qlib import qlib_folder
from data_nexus.research.exports.series import AssetSeries, ExportRequest
from data_nexus.research.exports.tables import one_table, table_folder
from data_nexus.research.exports.target import ExportFolder
from data_nexus.research.exports.zipline import zipline_folder
from data_nexus.research.views import Adjust


class Writer(Protocol):
    """An open export that takes assets one by one."""

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A way to write assets.

    `adjust` is the default view; None is a format with raw prices and the actions, whose tool
    adjusts. `one_file` writes all into a file, if the format can. `tool` is called before anything
    is written, and raises `UsageError` if the format needs what is not installed.
    """

    name: str
    meaning: str
    folder: Callable[[ExportFolder, ExportRequest], AbstractContextManager[Writer]]
    adjust: Adjust | None = None
    one_file: Callable[[Path, ExportRequest], AbstractContextManager[Writer]] | None = None
    is_of_one_exchange: bool = False
    tool: Callable[[], object] | None = None


def _general(name: str, meaning: str) -> Format:
    return Format(
        name=name,
        meaning=meaning,
        folder=partial(table_folder, form=name),
        one_file=partial(one_table, form=name),
        adjust="raw",
    )


FORMATS = {
    form.name: form
    for form in (
        _general("csv", "CSV that is safe for spreadsheets"),
        _general("parquet", "Parquet"),
        _general("arrow", "Arrow IPC files"),
        Format(
            name="zipline",
            meaning="a bundle for zipline-reloaded",
            folder=zipline_folder,
            is_of_one_exchange=True,
        ),
        Format(
            name="qlib",
            meaning="qlib's binary format",
            folder=qlib_folder,
            adjust="total",
        ),
        Format(
            name="lean",
            meaning="LEAN's daily zips, with factor and map files",
            folder=lean_folder,
        ),
        Format(
            name="nautilus",
            meaning="a catalog for nautilus_trader (must be installed)",
            folder=nautilus_folder,
            tool=nautilus_catalog,
            adjust="total",
        ),
        Format(
            name="backtrader",
            meaning="CSV for backtrader and backtesting.py",
            folder=backtrader_folder,
            adjust="total",
        ),
    )
}
