"""Owns reading assets for an export: who is chosen, and each one's history, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import psycopg

from data_nexus.database.connection import PostgresConnection, storage_errors
from data_nexus.database.limits import require_exchange
from data_nexus.database.sql import query
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment import cash_paid, usable_splits
from data_nexus.domain.bars import Bars
from data_nexus.domain.symbol import Symbol
from data_nexus.research.bars import find_assets
from data_nexus.research.universe import read_universe

_DATES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """An asset, and the symbol under which it is exported."""

    asset_id: int
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class Listed:
    """A stretch in which an asset was listed under a code; `until` is None while it still is."""

    code: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFacts:
    """What is known of an asset beside its bars; an unknown text is ""."""

    asset_id: int
    symbol: Symbol
    name: str = ""
    venue: str = ""
    asset_type: str = ""
    country: str = ""
    currency: str = ""
    isin: str = ""
    is_delisted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssetSeries:
    """An asset's whole stored history: bars as sent, actions by ex-date, listings oldest first."""

    facts: AssetFacts
    bars: Bars
    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()
    listings: tuple[Listed, ...] = ()

    def paid(self) -> list[tuple[Dividend, float]]:
        """Return the dividends and what each paid for a share, in the currency of the bars.

        One in another currency is left out: there is no exchange rate to apply.
        """
        usable, _ = usable_splits(self.splits)
        paid = [(each, cash_paid(each, usable, self.facts.currency)) for each in self.dividends]
        return [(each, amount) for each, amount in paid if amount is not None]


def choose_symbols(database: PostgresConnection, symbols: Sequence[Symbol]) -> list[Chosen]:
    """Return the assets that bear some symbols now; raise `UsageError` for an unknown one."""
    found = find_assets(database, symbols)
    return [Chosen(found[symbol], symbol) for symbol in dict.fromkeys(symbols)]


def choose_exchange(
    database: PostgresConnection, exchange: str, on: date | None = None
) -> list[Chosen]:
    """Return an exchange's assets with bars, the dead included, or who was listed on a day.

    With a day, assets go by the symbols of that day; of two with one symbol the later listed one
    is meant. Raises `UsageError` for an exchange without assets.
    """
    require_exchange(database, exchange)
    if on is None:
        with database.connect() as connection:
            rows = connection.execute(query("export_assets"), {"exchange": exchange}).fetchall()
        return [Chosen(asset_id, Symbol(code, exchange)) for asset_id, code in rows]
    listed = read_universe(database, exchange, on).to_pylist()
    latest = {row["symbol"]: row["asset_id"] for row in sorted(listed, key=lambda r: r["since"])}
    ending = len(exchange) + 1
    return [Chosen(number, Symbol(name[:-ending], exchange)) for name, number in latest.items()]


@contextmanager
def one_moment(database: PostgresConnection) -> Iterator[SeriesReader]:
    """Give a reader that sees one moment of the database, however long it reads."""
    with storage_errors(), closing(database.connect()) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            connection.execute(query("export_patience"))
            ((moment,),) = connection.execute("SELECT now()").fetchall()
            yield SeriesReader(connection, moment)


class SeriesReader:
    """Reads one asset after the other, within a transaction that began at `moment`."""

    def __init__(self, connection: psycopg.Connection, moment: datetime) -> None:
        self._connection = connection
        self.moment = moment

    def series(self, chosen: Chosen) -> AssetSeries:
        """Return an asset's whole history."""
        asset = {"asset_id": chosen.asset_id}
        (facts,) = self._rows("export_facts", asset)
        return AssetSeries(
            facts=AssetFacts(
                asset_id=chosen.asset_id,
                symbol=chosen.symbol,
                **dict(zip(_TEXTS, (text or "" for text in facts[:-1]), strict=True)),
                is_delisted=facts[-1],
            ),
            bars=_bars(self._rows("read_seam", asset | {"first": date.min})),
            splits=tuple(Split(*row) for row in self._rows("read_splits", asset)),
            dividends=tuple(
                Dividend(**dict(zip(_DIVIDEND, row, strict=True)))
                for row in self._rows("read_dividends", asset)
            ),
            listings=_listed(self._rows("export_listings", asset)),
        )

    def dates(self, chosen: Sequence[Chosen], first: date | None, last: date | None) -> list[date]:
        """Return every date between two on which one of the assets has a bar, ascending."""
        found: set[date] = set()
        for start in range(0, len(chosen), _DATES_AT_ONCE):
            ids = [each.asset_id for each in chosen[start : start + _DATES_AT_ONCE]]
            asked = {"asset_ids": ids, "first": first, "last": last}
            found.update(row[0] for row in self._rows("export_dates", asked))
        return sorted(found)

    def _rows(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(query(name), parameters).fetchall()


_TEXTS = ("name", "venue", "asset_type", "country", "currency", "isin")
_DIVIDEND = (
    *("date", "value", "unadjusted_value", "currency"),
    *("declaration_date", "record_date", "payment_date", "period"),
)


def _bars(rows: Sequence[tuple[Any, ...]]) -> Bars:
    columns = list(zip(*rows, strict=True)) or [()] * 7
    return Bars(np.array(columns[0], np.int32), *(np.array(c, np.float64) for c in columns[1:]))


def _listed(rows: Sequence[tuple[str, datetime, datetime | None]]) -> tuple[Listed, ...]:
    """Join neighbouring stretches of one code."""
    joined: list[Listed] = []
    for code, since, until in rows:
        begins = joined.pop().since if joined and joined[-1].code == code else since.date()
        joined.append(Listed(code, begins, until and until.date()))
    return tuple(joined)
