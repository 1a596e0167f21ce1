"""Read assets by their symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg.rows import class_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import FoundAsset, found_assets, query
from data_nexus.domain.listings.unknown_symbol import not_discovered
from data_nexus.domain.symbol import Symbol


def known_assets(connection: psycopg.Connection, symbols: Sequence[Symbol]) -> list[FoundAsset]:
    """Return the assets of symbols, each once, in the order given.

    A symbol may be written in small letters. Raises `UsageError` for one that no asset has, with
    near names or with the exchange that is to be discovered.
    """
    name, parameters, row = found_assets(symbols)
    rows = connection.cursor(row_factory=row).execute(query(name), parameters).fetchall()
    found = {each.wanted: each for each in rows}
    if unknown := [symbol for symbol in dict.fromkeys(symbols) if symbol not in found]:
        raise not_discovered(unknown, codes_of(connection, unknown[0].exchange))
    return list({found[symbol].asset_id: found[symbol] for symbol in symbols}.values())


def asset_ids_of(database: PostgresConnection, symbols: Sequence[Symbol]) -> list[int]:
    """Return the ids of the assets of symbols; raise `UsageError` as `known_assets` does."""
    with database.connect() as connection:
        return [asset.asset_id for asset in known_assets(connection, symbols)]


@dataclass(frozen=True, slots=True)
class BarRange:
    """From which date to which an asset has bars; None if it has none."""

    ticker: str
    first: date | None
    last: date | None


def bar_ranges(database: PostgresConnection, symbols: Sequence[Symbol]) -> list[BarRange]:
    """Return the bars that symbols have, by ticker; raise `UsageError` as `known_assets` does."""
    asked = {"asset_ids": asset_ids_of(database, symbols)}
    return database.rows("bar_ranges", asked, class_row(BarRange))


def codes_of(connection: psycopg.Connection, exchange: str) -> list[str]:
    """Return the codes of an exchange's current assets."""
    rows = connection.execute(query("symbols_of"), {"exchange": exchange}).fetchall()
    return [code for (code,) in rows]


def currencies_of(connection: psycopg.Connection, asset_ids: Sequence[int]) -> dict[int, str]:
    """Return the currency of each asset's prices; an unknown asset is left out."""
    rows = connection.execute(query("currencies_of"), {"asset_ids": [*asset_ids]}).fetchall()
    return dict(rows)


def with_unread_actions(connection: psycopg.Connection, asset_ids: Sequence[int]) -> set[int]:
    """Return those of some assets whose bars show splits or dividends that were never read."""
    asked = {"asset_ids": [*asset_ids]}
    return {each for (each,) in connection.execute(query("with_unread_actions"), asked).fetchall()}
