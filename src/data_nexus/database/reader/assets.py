"""Read assets by their symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from data_nexus.database.queries import query
from data_nexus.domain.symbol import Symbol


@dataclass(frozen=True, slots=True)
class CurrentAsset:
    """An asset under its current symbol; `currency` is that of its prices."""

    id: int
    symbol: str
    exchange: str
    currency: str


def find_assets(
    connection: psycopg.Connection, symbols: Sequence[Symbol]
) -> dict[Symbol, CurrentAsset]:
    """Return the assets of symbols; an unknown symbol is left out."""
    parameters = {
        "symbols": [symbol.code for symbol in symbols],
        "exchanges": [symbol.exchange for symbol in symbols],
    }
    cursor = connection.cursor(row_factory=class_row(CurrentAsset))
    rows = cursor.execute(query("find_assets"), parameters).fetchall()
    return {Symbol(row.symbol, row.exchange): row for row in rows}


def codes_of(connection: psycopg.Connection, exchange: str) -> list[str]:
    """Return the codes of an exchange's current assets."""
    rows = connection.execute(query("symbols_of"), {"exchange": exchange}).fetchall()
    return [code for (code,) in rows]


def currencies_of(connection: psycopg.Connection, asset_ids: Sequence[int]) -> dict[int, str]:
    """Return the currency of each asset's prices; an unknown asset is left out."""
    rows = connection.execute(query("currencies_of"), {"asset_ids": [*asset_ids]}).fetchall()
    return dict(rows)
