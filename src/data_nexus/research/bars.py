"""Owns reading bars: symbols and dates in, an Arrow table out."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.sql import query
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError

BARS_SCHEMA = pa.schema(
    [("ticker", pa.string()), ("date", pa.date32())]
    + [
        (name, pa.float64())
        for name in ("open", "high", "low", "close", "adjusted_close", "volume")
    ]
)


def read_bars(
    database: PostgresConnection,
    symbols: Sequence[Symbol],
    first: date | None = None,
    last: date | None = None,
    *,
    as_of: datetime | None = None,
) -> pa.Table:
    """Return the stored daily bars of `symbols` from `first` to `last`, both included.

    Columns as in `BARS_SCHEMA`, sorted by ticker and date; prices raw, as the vendor sends them.
    With `as_of` (aware) they are what was known at that moment: bars that came later are absent,
    restated and re-based ones have the values of then.
    Raises `UsageError` for a symbol that is not in the database, with near names.
    """
    known = find_assets(database, symbols)
    with database.connect() as connection:
        wanted = {"asset_ids": list(known.values()), "first": first, "last": last, "as_of": as_of}
        name = "read_bars" if as_of is None else "read_bars_as_of"
        rows = connection.execute(query(name), wanted).fetchall()
    columns = list(zip(*rows, strict=True)) or [()] * len(BARS_SCHEMA)
    return pa.Table.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, BARS_SCHEMA, strict=True)], schema=BARS_SCHEMA
    )


def find_assets(database: PostgresConnection, symbols: Sequence[Symbol]) -> dict[Symbol, int]:
    """Return the ids of the assets that bear some symbols now.

    Raises `UsageError` for a symbol that is not in the database, with near names.
    """
    parameters: dict[str, Any] = {
        "symbols": [symbol.code for symbol in symbols],
        "exchanges": [symbol.exchange for symbol in symbols],
    }
    with database.connect() as connection:
        found = connection.execute(query("find_assets"), parameters).fetchall()
        known = {Symbol(row[1], row[2]): row[0] for row in found}
        for symbol in symbols:
            if symbol not in known:
                names = connection.execute(query("symbols_of"), {"exchange": symbol.exchange})
                raise UsageError(_unknown(symbol, [row[0] for row in names]))
    return known


def _unknown(symbol: Symbol, codes: Sequence[str]) -> str:
    near = difflib.get_close_matches(symbol.code, codes, n=3)
    hint = f"; did you mean {', '.join(f'{c}.{symbol.exchange}' for c in near)}?" if near else ""
    rest = "" if near else f"; run: nexus discover --exchange {symbol.exchange}"
    return f"{symbol} is not in the database{hint}{rest}"
