"""Read the assets that a reader asks for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pyarrow as pa

from data_nexus.database.reader import assets as stored
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import ActionsNotRead
from data_nexus.research.selection import (
    Selection,
    exchange_day,
    members_of,
    symbols_of,
    texts_of,
    unknown_member,
)
from data_nexus.research.universe import fetch_universe

__all__ = ["NamedAsset", "Selection", "find_assets"]


@dataclass(frozen=True, slots=True, order=True)
class NamedAsset:
    """An asset under the symbol by which it was selected; `currency` is that of its prices."""

    ticker: str
    asset_id: int
    currency: str = ""

    @property
    def exchange(self) -> str:
        """The exchange of its symbol: `US` of `AAPL.US`."""
        return self.ticker.rpartition(".")[2]


def find_assets(connection: psycopg.Connection, selection: Selection) -> list[NamedAsset]:
    """Return the selected assets, by ticker, each once.

    A universe's assets keep the symbols that they had on its day. Raises `UsageError` for an
    unknown symbol, with near names, and for a table that is not a universe.
    """
    if not isinstance(selection, pa.Table):
        selection = texts_of(selection)  # once: what was iterated over may be empty then
    if listed := exchange_day(selection):
        day = listed.day or datetime.now(UTC).date()
        selection = fetch_universe(connection, listed.exchange, day)
    if isinstance(selection, pa.Table):
        return _of_universe(connection, selection)
    return _of_symbols(connection, symbols_of(selection))


def warn_of_unread_actions(
    connection: psycopg.Connection, assets: Sequence[NamedAsset], adjust: str
) -> None:
    """Warn with `ActionsNotRead` if prices adjusted by actions lack those of an asset.

    Its bars show that it had splits or dividends, and a load of bars alone, as `nexus backfill`,
    does not read them.
    """
    if adjust not in ("splits", "total"):
        return
    unread = stored.with_unread_actions(connection, [each.asset_id for each in assets])
    if not unread:
        return
    first = next(each.ticker for each in assets if each.asset_id in unread)
    more = f" and {len(unread) - 1:,} more" if len(unread) > 1 else ""
    warnings.warn(
        f"{first}{more}: the splits and dividends are not read yet, and these prices are adjusted"
        f" without them; run: nexus update, or nexus get {first}",
        ActionsNotRead,
        stacklevel=4,
    )


def _of_symbols(connection: psycopg.Connection, symbols: Sequence[Symbol]) -> list[NamedAsset]:
    found = stored.known_assets(connection, symbols)
    return sorted(NamedAsset(str(each.symbol), each.asset_id, each.currency) for each in found)


def _of_universe(connection: psycopg.Connection, universe: pa.Table) -> list[NamedAsset]:
    members = members_of(universe)
    currencies = stored.currencies_of(connection, [*members])
    if unknown := members.keys() - currencies.keys():
        raise unknown_member(min(unknown), "database")
    return sorted(NamedAsset(ticker, each, currencies[each]) for each, ticker in members.items())
