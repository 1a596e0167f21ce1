"""Owns reading the security master: who was listed on a day, and who bore a symbol when."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import psycopg
import pyarrow as pa
from pyarrow import compute

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError, no_assets
from data_nexus.research.columns import table_of

UNIVERSE_SCHEMA = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("symbol", pa.string()),
        ("name", pa.string()),
        ("venue", pa.string()),
        ("asset_type", pa.string()),
        ("isin", pa.string()),
        ("basis", pa.string()),
        ("since", pa.date32()),
        ("until", pa.date32()),
    ]
)
_STRETCH = ("symbol", "name", "venue", "isin", "from", "until", "began")


def read_universe(
    database: PostgresConnection, exchange: str, day: date, asset_type: str | None = None
) -> pa.Table:
    """Return who was listed on an exchange on a day, by symbol, the dead of today included.

    Columns as in `UNIVERSE_SCHEMA`. `basis` says how it is known. *listed*: the last discovery by
    the end of the day (UTC) had it, under this symbol and name; `since` and `until` are the days
    of the discoveries that first had it so and first no longer did (null: still). *first and last
    bar*: no discovery reaches back to the day, and the stored bars begin by it and end on it or
    later; `since` and `until` are their dates, names are those of today.
    Raises `UsageError` for an exchange without assets, and for a type that nobody has on that day.
    """
    with database.reading() as connection:
        universe = fetch_universe(connection, exchange, day)
    return universe if asset_type is None else of_type(universe, asset_type)


def fetch_universe(connection: psycopg.Connection, exchange: str, day: date) -> pa.Table:
    """Return the universe as `read_universe` does, of every type, within a transaction."""
    if not connection.execute(query("knows_exchange"), {"exchange": exchange}).fetchall()[0][0]:
        raise no_assets(exchange)
    day_end = datetime.combine(day + timedelta(1), time(), UTC)
    asked = {"exchange": exchange, "day": day, "day_end": day_end}
    return table_of(connection.execute(query("read_universe"), asked), UNIVERSE_SCHEMA)


def read_listings(database: PostgresConnection, symbol: Symbol) -> list[dict[str, Any]]:
    """Return every asset that bears or bore a symbol, each with its chain of listings.

    `listings` is oldest first; `until` is None where the asset is still listed so. `retired_at` is
    since when the asset's code belongs to another one. Raises `UsageError` for an unknown symbol.
    """
    asked = {"exchange": symbol.exchange, "code": symbol.code}
    with database.connect() as connection:
        rows = connection.execute(query("read_chain"), asked).fetchall()
    if not rows:
        raise UsageError(
            f"no asset bears or bore {symbol}; run: nexus discover --exchange {symbol.exchange}"
        )
    return [_asset(list(group)) for _, group in groupby(rows, lambda row: row[0])]


def of_type(universe: pa.Table, asset_type: str) -> pa.Table:
    """Return a universe's assets of one type; raise `UsageError` if there is none."""
    chosen = universe.filter(compute.equal(universe["asset_type"], asset_type))
    types = sorted(set(universe["asset_type"].to_pylist()))
    if types and asset_type not in types:
        raise UsageError(
            f"nobody listed then is of type {asset_type!r}; there are {', '.join(types)}"
        )
    return chosen


def _asset(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    asset_id, symbol, name, isin, is_delisted, retired_at, first_bar, last_bar = rows[0][:8]
    return {
        "asset_id": asset_id,
        "symbol": symbol,
        "name": name,
        "isin": isin,
        "is_delisted": is_delisted,
        "retired_at": retired_at,
        "first_bar": first_bar,
        "last_bar": last_bar,
        "listings": [
            dict(zip(_STRETCH, row[8:], strict=True)) for row in rows if row[8] is not None
        ],
    }
