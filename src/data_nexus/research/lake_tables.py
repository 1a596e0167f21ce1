"""Owns the tables of a snapshot: their columns, and their form in Parquet. Pure.

Prices are raw and volumes as the vendor sends them, as in the database; moments are UTC. Text that
changes when a symbol does (`ticker`) stands in `assets` alone, so a rename rewrites no bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from data_nexus.database.copy import epoch_days

_MOMENT = pa.timestamp("us", "UTC")
NUMBERS = ("open", "high", "low", "close", "adjusted_close", "volume")

# Nothing of a bar is ever missing, and to say so makes reading a tenth faster.
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
        ("retired_at", _MOMENT),
        ("synced_through", pa.date32()),
        ("first_bar", pa.date32()),
        ("last_bar", pa.date32()),
    ]
)
LISTINGS = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("from_moment", _MOMENT),
        ("until_moment", _MOMENT),
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
        ("moment", _MOMENT),
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
        ("stored_at", _MOMENT),
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
        ("stored_at", _MOMENT),
    ]
)
# Each is one file, read by the query `lake_<name>`.
SMALL = {
    "assets": ASSETS,
    "listings": LISTINGS,
    "discoveries": DISCOVERIES,
    "splits": SPLITS,
    "dividends": DIVIDENDS,
}
TABLES = {"bars": BARS, **SMALL}


def table_of(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Return rows of Python values as a table."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def bars_of(records: NDArray[np.void]) -> pa.Table:
    """Return records of `database.copy.decoded_bars` as a table."""
    arrays = [
        pa.array(records["asset_id"].astype(np.int32)),
        pa.array(epoch_days(records["date"])).cast(pa.date32()),
        *(pa.array(records[name].astype(np.float64)) for name in NUMBERS),
    ]
    return pa.Table.from_arrays(arrays, schema=BARS)


def parquet_of_bars(bars: pa.Table) -> pa.Buffer:
    """Return bars as a Parquet file: a row group for each calendar year, by asset and date."""
    years = bars["date"].to_numpy().astype("datetime64[Y]").astype(np.int64)
    sink = pa.BufferOutputStream()
    with parquet.ParquetWriter(
        sink,
        BARS,
        compression="lz4",
        use_dictionary=["asset_id", "date"],
        write_statistics=True,
        sorting_columns=parquet.SortingColumn.from_ordering(
            BARS, [("asset_id", "ascending"), ("date", "ascending")]
        ),
    ) as writer:
        for year in np.unique(years):
            writer.write_table(bars.filter(pa.array(years == year)), row_group_size=len(bars))
    return sink.getvalue()


def parquet_of(table: pa.Table) -> pa.Buffer:
    """Return a small table as a Parquet file."""
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", write_statistics=True)
    return sink.getvalue()
