"""Owns whom a reader means: symbols, a universe, or an exchange on a day become assets."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import psycopg
import pyarrow as pa

from data_nexus.database.reader import assets as stored
from data_nexus.domain.symbol import Symbol, exchange_code, parse_symbol
from data_nexus.errors import UsageError
from data_nexus.research.universe import fetch_universe

# `"AAPL.US"`, several of them, `"US@2019-06-28"`, or a table of `read_universe`.
Wanted: TypeAlias = "str | Sequence[str] | pa.Table"


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """An asset under the name by which it is asked for; `currency` is that of its prices."""

    ticker: str
    asset_id: int
    currency: str = ""


def find_assets(connection: psycopg.Connection, wanted: Wanted) -> list[Named]:
    """Return the assets that are wanted, by ticker, each once.

    A universe's assets keep the symbols that they bore on its day. Raises `UsageError` for a symbol
    that no asset bears, with near names, and for a table that is no universe.
    """
    if isinstance(wanted, pa.Table):
        return _of_universe(connection, wanted)
    texts = [wanted] if isinstance(wanted, str) else [*wanted]
    if len(texts) == 1 and "@" in texts[0] and "." not in texts[0]:
        exchange, _, day = texts[0].partition("@")
        universe = fetch_universe(connection, exchange_code(exchange), _day_of(day))
        return _of_universe(connection, universe)
    return _of_symbols(connection, [parse_symbol(text) for text in texts])


def _of_symbols(connection: psycopg.Connection, symbols: Sequence[Symbol]) -> list[Named]:
    found = stored.find_assets(connection, symbols)
    for symbol in symbols:
        if symbol not in found:
            raise UsageError(_unknown(symbol, stored.codes_of(connection, symbol.exchange)))
    return sorted(Named(str(symbol), each.id, each.currency) for symbol, each in found.items())


def _of_universe(connection: psycopg.Connection, universe: pa.Table) -> list[Named]:
    if not {"asset_id", "symbol"} <= set(universe.column_names):
        raise UsageError("a universe has the columns asset_id and symbol; use db.universe(…)")
    members: dict[int, Any] = dict(
        zip(universe["asset_id"].to_pylist(), universe["symbol"].to_pylist(), strict=True)
    )
    currencies = stored.currencies_of(connection, [*members])
    if strangers := members.keys() - currencies.keys():
        raise UsageError(f"asset {min(strangers)} is not in the database; ask for a new universe")
    return sorted(Named(ticker, each, currencies[each]) for each, ticker in members.items())


def _day_of(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date; write it like US@2019-06-28") from None


def _unknown(symbol: Symbol, codes: Sequence[str]) -> str:
    near = difflib.get_close_matches(symbol.code, codes, n=3)
    hint = f"; did you mean {', '.join(f'{c}.{symbol.exchange}' for c in near)}?" if near else ""
    rest = "" if near else f"; run: nexus discover --exchange {symbol.exchange}"
    return f"{symbol} is not in the database{hint}{rest}"
