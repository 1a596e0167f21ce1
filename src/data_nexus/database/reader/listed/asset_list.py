"""List assets: by words of their names, by type, exchange or watchlist, each with its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row, scalar_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.reader.planning import known_calendars, require_exchange
from data_nexus.database.reader.status import state_parameters
from data_nexus.database.reader.watchlists.watchlists import member_ids
from data_nexus.errors import UsageError


@dataclass(frozen=True, slots=True)
class ChosenAssets:
    """Which assets to list; None: all of them.

    Each word of `search` occurs in the symbol, the name or the ISIN, in capitals or not; `type` is
    the vendor's word, in capitals or not.
    """

    search: str | None = None
    type: str | None = None
    exchange: str | None = None
    watchlist: str | None = None


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """An asset under its symbol of now, the dates of its first and last bar, and its state."""

    asset_id: int
    symbol: str
    name: str
    asset_type: str
    venue: str
    currency: str
    isin: str | None
    first_bar: date | None
    last_bar: date | None
    state: str


def list_assets(database: PostgresConnection, chosen: ChosenAssets) -> list[ListedAsset]:
    """Return the chosen assets, those first that are called as searched for, then by symbol.

    Raises `UsageError` for an exchange or a type that no asset has, and for a watchlist without
    assets.
    """
    if chosen.exchange:
        require_exchange(database, chosen.exchange)
    asset_ids = None if chosen.watchlist is None else member_ids(database, chosen.watchlist)
    (moment,) = database.rows("days_ago", {"days": 0}, scalar_row)
    calendars = known_calendars(database)
    # No name has a NUL, which PostgreSQL's texts cannot hold.
    search = (chosen.search or "").replace("\0", "\N{REPLACEMENT CHARACTER}")
    asked = {
        "search": search.strip(),
        "words": search.split(),
        "asset_type": chosen.type,
        "exchange": chosen.exchange,
        "asset_ids": asset_ids,
    }
    with database.reading() as connection:
        states = state_parameters(connection, moment, calendars)
        cursor = connection.cursor(row_factory=class_row(ListedAsset))
        found = cursor.execute(query("list_assets"), asked | states).fetchall()
    if chosen.type is not None and not found:
        _require_type(database, chosen.type, chosen.exchange)
    return found


def _require_type(database: PostgresConnection, type_: str, exchange: str | None) -> None:
    types: Sequence[str] = database.rows("asset_types", {"exchange": exchange}, scalar_row)
    if types and type_.casefold() not in {each.casefold() for each in types}:
        raise UsageError(f"no asset is of type {type_!r}; there are: {', '.join(types)}")
