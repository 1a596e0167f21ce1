"""Read the security master: the assets there are, those of a day, the listings of a symbol."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from pyarrow import compute

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.listed.asset_list import ChosenAssets, list_assets
from data_nexus.database.reader.universe import (
    HolderListing,
    SymbolHolder,
    fetch_holders,
    fetch_listings,
    fetch_universe_rows,
    require_assets,
)
from data_nexus.domain.listings.exchange_lists import KnownExchange
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
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

ASSETS_SCHEMA = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("symbol", pa.string()),
        ("name", pa.string()),
        ("asset_type", pa.string()),
        ("venue", pa.string()),
        ("currency", pa.string()),
        ("isin", pa.string()),
        ("first_bar", pa.date32()),
        ("last_bar", pa.date32()),
        ("state", pa.string()),
    ]
)

# Of an exchange that only the database knows there is no name, of one that only the vendor has no
# asset.
EXCHANGES_SCHEMA = pa.schema(
    [
        ("code", pa.string()),
        ("name", pa.string()),
        ("country", pa.string()),
        ("currency", pa.string()),
        ("operating_mic", pa.string()),
        ("assets", pa.int32()),
        ("with_bars", pa.int32()),
        ("last_bar", pa.date32()),
    ]
)

# The keys of `nexus listings --json` that cannot be names in Python.
_JSON_NAMES = {"from_moment": "from", "until_moment": "until"}


@dataclass(frozen=True, slots=True)
class ListingChain:
    """An asset with all its listings, the oldest first."""

    asset: SymbolHolder
    listings: tuple[HolderListing, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the chain as `nexus listings --json` shows it."""
        listings = [
            {_JSON_NAMES.get(key, key): each for key, each in asdict(listing).items()}
            for listing in self.listings
        ]
        for each in listings:
            del each["asset_id"]
        return asdict(self.asset) | {"listings": listings}


def read_assets(database: PostgresConnection, chosen: ChosenAssets) -> pa.Table:
    """Return the chosen assets, columns as in `ASSETS_SCHEMA`, in the order of `list_assets`.

    Raises `UsageError` as that does.
    """
    return table_of(map(astuple, list_assets(database, chosen)), ASSETS_SCHEMA)


def read_exchanges(known: Iterable[KnownExchange]) -> pa.Table:
    """Return exchanges as a table with the columns of `EXCHANGES_SCHEMA`."""
    return table_of(map(astuple, known), EXCHANGES_SCHEMA)


def read_universe(
    database: PostgresConnection, exchange: str, day: date, asset_type: str | None = None
) -> pa.Table:
    """Return the assets listed on an exchange on a day, by symbol, those delisted since included.

    Columns as in `UNIVERSE_SCHEMA`. `basis` says how it is known. *listed*: the last discovery by
    the end of the day (UTC) had the asset under this symbol and name; `since` and `until` are the
    days of the first discovery that did and of the first that no longer did (null: it still does).
    *first and last bar*: no discovery covers the day, and the stored bars begin on it or earlier
    and end on it or later; `since` and `until` are their dates, the names are today's.
    Raises `UsageError` for an exchange without assets, and for a type that no asset of that day
    has.
    """
    with database.reading() as connection:
        universe = fetch_universe(connection, exchange, day)
    return universe if asset_type is None else of_type(universe, asset_type)


def fetch_universe(connection: psycopg.Connection, exchange: str, day: date) -> pa.Table:
    """Return the universe as `read_universe` does, of every type, within a transaction."""
    require_assets(connection, exchange)
    return table_of(fetch_universe_rows(connection, exchange, day), UNIVERSE_SCHEMA)


def read_listings(database: PostgresConnection, symbol: Symbol) -> list[ListingChain]:
    """Return every asset that has or had a symbol, each with its chain of listings.

    Raises `UsageError` for an unknown symbol.
    """
    with database.reading() as connection:
        assets = fetch_holders(connection, symbol)
        listings = fetch_listings(connection, [asset.asset_id for asset in assets])
    if not assets:
        raise UsageError(
            f"no asset has or had the symbol {symbol};"
            f" run: nexus discover --exchange {symbol.exchange}"
        )
    return [
        ListingChain(asset, tuple(each for each in listings if each.asset_id == asset.asset_id))
        for asset in assets
    ]


def of_type(universe: pa.Table, asset_type: str) -> pa.Table:
    """Return a universe's assets of one type; raise `UsageError` if there is none."""
    chosen = universe.filter(compute.equal(universe["asset_type"], asset_type))
    types = sorted(set(universe["asset_type"].to_pylist()))
    if types and asset_type not in types:
        raise UsageError(
            f"no asset listed then is of type {asset_type!r}; known types: {', '.join(types)}"
        )
    return chosen
