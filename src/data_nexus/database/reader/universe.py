"""Read the security master: listings of a day, listings of a symbol, states of assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from data_nexus.database.queries import query
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import no_assets


@dataclass(frozen=True, slots=True)
class SymbolHolder:
    """An asset that has or had a symbol, under its current one, with the dates of its bars.

    `retired_at` is the moment since which its code belongs to another asset.
    """

    asset_id: int
    symbol: str
    name: str
    isin: str | None
    is_delisted: bool
    retired_at: datetime | None
    first_bar: date | None
    last_bar: date | None


@dataclass(frozen=True, slots=True)
class HolderListing:
    """A listing of an asset; `until_moment` is None while it is current."""

    asset_id: int
    symbol: str
    name: str
    venue: str
    isin: str | None
    from_moment: datetime
    until_moment: datetime | None
    began: str


@dataclass(frozen=True, slots=True)
class AssetState:
    """Where an asset is listed, how far it is read, and whether more bars are to come."""

    asset_id: int
    exchange: str
    venue: str
    asset_type: str
    synced_through: date | None
    settled_through: date | None
    is_listed: bool

    @property
    def last_final(self) -> date:
        """The last date of which a bar can be final: any, where none is to come any more."""
        return self.settled_through or date.min if self.is_listed else date.max


def require_assets(connection: psycopg.Connection, exchange: str) -> None:
    """Raise `UsageError` for an exchange without assets."""
    row = connection.execute(query("knows_exchange"), {"exchange": exchange}).fetchone()
    if not row or not row[0]:
        raise no_assets(exchange)


def fetch_universe_rows(
    connection: psycopg.Connection, exchange: str, day: date
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Return the listings of an exchange at the end of a day (UTC), by symbol, as rows.

    Columns: asset_id, symbol, name, venue, asset_type, isin, basis, since, until.
    """
    day_end = datetime.combine(day + timedelta(1), time(), UTC)
    parameters = {"exchange": exchange, "day": day, "day_end": day_end}
    return connection.execute(query("read_universe"), parameters)


def fetch_holders(connection: psycopg.Connection, symbol: Symbol) -> list[SymbolHolder]:
    """Return every asset that has or had a symbol, by number."""
    parameters = {"exchange": symbol.exchange, "code": symbol.code}
    cursor = connection.cursor(row_factory=class_row(SymbolHolder))
    return cursor.execute(query("read_holders"), parameters).fetchall()


def fetch_listings(connection: psycopg.Connection, asset_ids: Sequence[int]) -> list[HolderListing]:
    """Return all listings of assets, by asset, the oldest first."""
    cursor = connection.cursor(row_factory=class_row(HolderListing))
    return cursor.execute(query("read_listings"), {"asset_ids": [*asset_ids]}).fetchall()


def fetch_states(connection: psycopg.Connection, asset_ids: Sequence[int]) -> dict[int, AssetState]:
    """Return the state of each asset."""
    cursor = connection.cursor(row_factory=class_row(AssetState))
    rows = cursor.execute(query("read_states"), {"asset_ids": [*asset_ids]}).fetchall()
    return {row.asset_id: row for row in rows}
