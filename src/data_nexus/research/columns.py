"""Define the columns of what is read: names, types, units. Pure.

Prices are in the currency of the asset (`asset_currency` of its actions), volumes in shares, dates
are sessions without a zone, moments are in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

MOMENT = pa.timestamp("us", "UTC")
PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "adjusted_close", "volume")

# By ticker and date.
BARS_SCHEMA = pa.schema(
    [("ticker", pa.string()), ("date", pa.date32()), *((name, pa.float64()) for name in NUMBERS)]
)
# What is stored, as sent: by ticker, asset and date, so that two assets never mix.
STORED_SCHEMA = pa.schema([("asset_id", pa.int32()), *BARS_SCHEMA])
# An extra column of a view: the unit of the asset's volumes; null without a split.
VOLUME_BASIS = pa.field("volume_basis", pa.dictionary(pa.int8(), pa.string()))
VIEW_SCHEMA = STORED_SCHEMA.append(VOLUME_BASIS)
# By ticker, asset and ex-date. `kind` is split or dividend; columns of the other kind are null.
ACTIONS_SCHEMA = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("ticker", pa.string()),
        ("date", pa.date32()),
        ("kind", pa.string()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("value", pa.float64()),
        ("unadjusted_value", pa.float64()),
        ("currency", pa.string()),
        ("declaration_date", pa.date32()),
        ("record_date", pa.date32()),
        ("payment_date", pa.date32()),
        ("period", pa.string()),
        ("stored_at", MOMENT),
        ("asset_currency", pa.string()),
    ]
)
# `read_after` is null where an asset is not read again because of it.
SUSPICIONS_SCHEMA = pa.schema(
    [
        ("ticker", pa.string()),
        ("reason", pa.string()),
        ("session", pa.date32()),
        ("noted_at", MOMENT),
        ("times", pa.int16()),
        ("read_after", MOMENT),
        ("accepted_at", MOMENT),
    ]
)
RETURNS_SCHEMA = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("ticker", pa.string()),
        ("date", pa.date32()),
        ("return", pa.float64()),
    ]
)


def table_of(rows: Iterable[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Return rows, in the order of the schema's columns, as a table."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.Table.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )
