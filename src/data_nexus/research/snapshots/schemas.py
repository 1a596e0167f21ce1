"""Define the tables of a snapshot: their columns, and their form in Parquet. Pure.

Prices are raw and volumes as the vendor sends them, as in the database; moments are UTC. Text that
changes when a symbol does (`ticker`) is in `assets` alone, so a rename rewrites no bars.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from data_nexus.database.reader.bars import StoredBars
from data_nexus.research.columns import MOMENT, NUMBERS
from data_nexus.research.snapshots.plain_pages import AS_PLAIN_PAGES, PLAIN_PAGES

# No value of a bar is ever missing, and declaring it makes reading a tenth faster.
BARS = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("asset_id", pa.int32()),
            ("date", pa.date32()),
            *((name, pa.float64()) for name in NUMBERS),
        )
    ]
)
ASSETS = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("ticker", pa.string()),
        ("symbol", pa.string()),
        ("exchange", pa.string()),
        ("venue", pa.string()),
        ("name", pa.string()),
        ("asset_type", pa.string()),
        ("country", pa.string()),
        ("currency", pa.string()),
        ("isin", pa.string()),
        ("is_active", pa.bool_()),
        ("is_delisted", pa.bool_()),
        ("retired_at", MOMENT),
        ("synced_through", pa.date32()),
        ("first_bar", pa.date32()),
        ("last_bar", pa.date32()),
    ]
)
LISTINGS = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("from_moment", MOMENT),
        ("until_moment", MOMENT),
        ("symbol", pa.string()),
        ("exchange", pa.string()),
        ("venue", pa.string()),
        ("name", pa.string()),
        ("asset_type", pa.string()),
        ("isin", pa.string()),
        ("began", pa.string()),
    ]
)
DISCOVERIES = pa.schema(
    [
        ("exchange", pa.string()),
        ("moment", MOMENT),
        ("is_delisted", pa.bool_()),
        ("types", pa.list_(pa.string())),
        ("listed", pa.int32()),
        ("is_shrunk", pa.bool_()),
    ]
)
SPLITS = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("date", pa.date32()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("stored_at", MOMENT),
    ]
)
DIVIDENDS = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("date", pa.date32()),
        ("value", pa.float64()),
        ("unadjusted_value", pa.float64()),
        ("currency", pa.string()),
        ("declaration_date", pa.date32()),
        ("record_date", pa.date32()),
        ("payment_date", pa.date32()),
        ("period", pa.string()),
        ("stored_at", MOMENT),
    ]
)
# Each is one file.
SMALL = {
    "assets": ASSETS,
    "listings": LISTINGS,
    "discoveries": DISCOVERIES,
    "splits": SPLITS,
    "dividends": DIVIDENDS,
}
TABLES = {"bars": BARS, **SMALL}
Compression = Literal["lz4", "zstd", "none"]


def bars_of(stored: StoredBars) -> pa.Table:
    """Return bars as they are read from the database as a table."""
    bars = stored.bars
    arrays = [
        pa.array(np.repeat(stored.asset_ids, stored.counts)),
        pa.array(bars.date).view(pa.date32()),
        *(pa.array(getattr(bars, name)) for name in NUMBERS),
    ]
    return pa.Table.from_arrays(arrays, schema=BARS)


def parquet_of_bars(bars: pa.Table, compression: Compression) -> pa.Buffer:
    """Return bars as a Parquet file: a row group for each calendar year, by asset and date."""
    years = bars["date"].to_numpy().astype("datetime64[Y]").astype(np.int64)
    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(
        sink,
        BARS,
        compression=compression,
        # Prices seldom repeat, and reading a dictionary of them takes longer than reading them.
        use_dictionary=False,
        write_statistics=True,
        sorting_columns=parquet.SortingColumn.from_ordering(
            BARS, [("asset_id", "ascending"), ("date", "ascending")]
        ),
        **AS_PLAIN_PAGES,
    ) as writer:
        if compression == "none":
            writer.add_key_value_metadata(PLAIN_PAGES)
        for year in np.unique(years):
            writer.write_table(bars.filter(pa.array(years == year)), row_group_size=len(bars))
    return sink.getvalue()


def parquet_of(table: pa.Table) -> pa.Buffer:
    """Return a small table as a Parquet file."""
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", write_statistics=True)
    return sink.getvalue()
