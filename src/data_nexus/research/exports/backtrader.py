"""Write CSV for backtrader and backtesting.py: one file an asset, with the columns both expect.

backtrader reads it with `BacktraderCSVData`, backtesting.py by pandas, the first column as index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import AssetSeries, ExportRequest
from data_nexus.research.exports.tables import (
    ASSETS,
    TableFile,
    asset_table,
    table_file,
)
from data_nexus.research.exports.target import ExportFolder

_NAMES = {"date": "Date", "open": "Open", "high": "High", "low": "Low", "close": "Close"} | {
    "volume": "Volume"
}
# backtrader's own format ends with the open interest, which a share lacks.
FEED = pa.schema(
    [("Date", pa.date32())]
    + [(name, pa.float64()) for name in ("Open", "High", "Low", "Close", "Volume")]
    + [("OpenInterest", pa.int64())]
)


@contextmanager
def backtrader_folder(folder: ExportFolder, request: ExportRequest) -> Iterator[FeedFolder]:
    """Write `bars/AAPL.US.csv` for each asset, and `assets.csv`: the file of each asset."""
    with folder.file("assets.csv") as path, table_file("csv", path, ASSETS) as assets:
        yield FeedFolder(folder, request, assets)


@dataclass(frozen=True, slots=True)
class FeedFolder:
    """A folder of feeds that assets are added to."""

    _folder: ExportFolder
    _request: ExportRequest
    _assets: TableFile

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""
        bars = self._request.table(series)
        if not len(bars):
            return 0
        name = f"{file_name(series.ticker)}.csv"
        table = bars.select([*_NAMES]).rename_columns([*_NAMES.values()])
        no_interest = pa.array([0] * len(bars), pa.int64())
        with self._folder.file("bars", name) as path, table_file("csv", path, FEED) as rows:
            rows.write_table(table.append_column("OpenInterest", no_interest))
        self._assets.write_table(asset_table(series, bars, f"bars/{name}"))
        return len(bars)
