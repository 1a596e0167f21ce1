"""Keep watchlists: named sets of assets, which stay in them whatever their symbols become."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg.rows import class_row, scalar_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.reader.assets import known_assets
from data_nexus.database.reader.watchlists.follows import changed_follows
from data_nexus.domain.listings.unknown_symbol import no_members
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError

_NAME = re.compile(r"[\w][\w.-]{0,63}")


@dataclass(frozen=True, slots=True)
class ListedWatchlist:
    """A watchlist, how many assets it has, how many with bars, and the date of the last one.

    `followed_by` are the exchanges that follow watchlists, and this one among them.
    """

    name: str
    assets: int
    with_data: int
    last_date: date | None
    followed_by: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedMember:
    """An asset of a watchlist under its symbol of now; `last_date` is that of its last bar."""

    symbol: str
    name: str
    asset_type: str
    last_date: date | None
    synced_through: date | None
    paused_at: datetime | None
    added_at: datetime
    asset_id: int


def watchlist_name(text: str) -> str:
    """Return `text` as the name of a watchlist; raise `UsageError` if it cannot be one."""
    if _NAME.fullmatch(text) is None:
        raise UsageError(
            f"not a name for a watchlist: {text!r}; it has letters, digits, '.', '_' and '-'"
        )
    return text


def create_watchlist(database: PostgresConnection, name: str, symbols: Sequence[Symbol]) -> int:
    """Make a watchlist of symbols and return how many assets it has.

    Raises `UsageError`, and makes nothing, if there is one of that name or for a symbol that no
    asset has.
    """
    with database.connect() as connection:
        if not connection.execute(query("create_watchlist"), {"name": name}).rowcount:
            raise UsageError(f"there is a watchlist {name} already; add to it: nexus watchlist add")
        return _add(connection, name, symbols)


def add_to_watchlist(database: PostgresConnection, name: str, symbols: Sequence[Symbol]) -> int:
    """Add symbols to a watchlist and return how many it did not hold before.

    Raises `UsageError`, and adds nothing, for a watchlist that is not there and for a symbol that
    no asset has.
    """
    with changed_follows(database) as connection:
        _require(connection, name)
        return _add(connection, name, symbols)


def remove_from_watchlist(
    database: PostgresConnection, name: str, symbols: Sequence[Symbol]
) -> int:
    """Take symbols out of a watchlist and return how many it held; their bars stay.

    Raises `UsageError` for a watchlist that is not there and for a symbol that no asset has.
    """
    with changed_follows(database) as connection:
        _require(connection, name)
        asset_ids = [asset.asset_id for asset in known_assets(connection, symbols)]
        chosen = {"name": name, "asset_ids": asset_ids}
        return connection.execute(query("remove_watched"), chosen).rowcount


def drop_watchlist(database: PostgresConnection, name: str) -> None:
    """Delete a watchlist; its assets and their bars stay. Raises `UsageError` if it is not there.

    An exchange that followed this one alone follows all its assets again.
    """
    with changed_follows(database) as connection:
        _require(connection, name)
        connection.execute(query("drop_watchlist"), {"name": name})


def list_watchlists(database: PostgresConnection) -> list[ListedWatchlist]:
    """Return the watchlists, by name."""
    return database.rows("list_watchlists", {}, class_row(ListedWatchlist))


def list_members(
    database: PostgresConnection,
    name: str,
    after: tuple[str, int] = ("", 0),
    most: int | None = None,
) -> list[ListedMember]:
    """Return the assets of a watchlist, by symbol; raise `UsageError` if it is not there.

    With `after`, a symbol and an asset's id, only those that follow; at most `most`.
    """
    asked = {"name": name, "after": after[0], "after_id": after[1], "most": most}
    with database.connect() as connection:
        _require(connection, name)
        cursor = connection.cursor(row_factory=class_row(ListedMember))
        return cursor.execute(query("list_watched"), asked).fetchall()


def member_ids(database: PostgresConnection, name: str) -> list[int]:
    """Return the ids of a watchlist's assets; raise `UsageError` if there are none."""
    found = database.rows("watched_ids", {"name": name}, scalar_row)
    if not found:
        raise no_members(name, database.rows("watchlist_names", {}, scalar_row))
    return found


def _require(connection: psycopg.Connection, name: str) -> None:
    cursor = connection.cursor(row_factory=scalar_row)
    names = cursor.execute(query("watchlist_names")).fetchall()
    if name not in names:
        raise no_members(name, names)


def _add(connection: psycopg.Connection, name: str, symbols: Sequence[Symbol]) -> int:
    asset_ids = [asset.asset_id for asset in known_assets(connection, symbols)]
    chosen = {"name": name, "asset_ids": asset_ids}
    return connection.execute(query("add_watched"), chosen).rowcount
