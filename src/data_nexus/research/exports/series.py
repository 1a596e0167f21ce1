"""Read the assets of an export: which are selected, and the history of each in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import groupby
from operator import attrgetter

import numpy as np
import psycopg
import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.bars import fetch_bars, fetch_dates
from data_nexus.database.reader.exports import (
    ListingInterval,
    begin_export,
    fetch_assets_with_bars,
    fetch_listing_intervals,
    fetch_texts,
)
from data_nexus.database.reader.planning import fetch_calendars
from data_nexus.database.reader.universe import require_assets
from data_nexus.domain.adjustment.factors import Factors
from data_nexus.domain.bars import Bars, Days, days
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from data_nexus.research.actions import fetch_actions
from data_nexus.research.assets import NamedAsset, find_assets, warn_of_unread_actions
from data_nexus.research.columns import NUMBERS, STORED_SCHEMA
from data_nexus.research.exports.alterations import Alteration
from data_nexus.research.exports.trading_days import calendar_days, traded_days
from data_nexus.research.histories import AssetHistory, histories
from data_nexus.research.universe import fetch_universe
from data_nexus.research.views import View, view_bars

_DATES_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportScope:
    """The assets of an export: some symbols, an exchange, or those listed there on a day."""

    symbols: Sequence[str] = ()
    exchange: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class CodePeriod:
    """The period in which an asset was listed under a code; `until` is None while it still is."""

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


@dataclass(frozen=True, kw_only=True, eq=False)
class AssetSeries:
    """An asset's whole stored history: bars as sent, actions, listings oldest first."""

    facts: AssetFacts
    bars: Bars
    actions: pa.Table
    listings: tuple[CodePeriod, ...] = ()

    @property
    def ticker(self) -> str:
        """The symbol as text: `AAPL.US`."""
        return str(self.facts.symbol)

    @cached_property
    def stored(self) -> pa.Table:
        """The bars as `STORED_SCHEMA`."""
        count = len(self.bars)
        constants = [pa.array([self.facts.asset_id], pa.int32()), pa.array([self.ticker])]
        first = pa.array(np.zeros(count, np.int32))
        dates = pa.array(self.bars.date, pa.int32()).view(pa.date32())
        numbers = [pa.array(getattr(self.bars, name), pa.float64()) for name in NUMBERS]
        columns = [*(each.take(first) for each in constants), dates, *numbers]
        return pa.Table.from_arrays(columns, schema=STORED_SCHEMA)

    @cached_property
    def history(self) -> AssetHistory:
        """The bars and actions as adjustment takes them."""
        alone = AssetHistory(
            self.facts.asset_id, self.ticker, slice(0), self.bars, (), (), self.facts.currency
        )
        return next(histories(self.stored, self.actions), alone)

    @cached_property
    def factors(self) -> Factors:
        """What each bar is multiplied by for the later actions; 1 for the last one."""
        return self.history.factors()


def _unnoted(_: Iterable[Alteration]) -> None:
    """Note nothing."""


def _no_days() -> Days:
    return np.empty(0, np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What an export holds: a view of bars, and, computed on demand, the days of its calendar.

    A writer notes which numbers its format cannot hold, and which bars its tool leaves out.
    """

    view: View = View()  # noqa: RUF009 - a frozen value
    calendar: Callable[[], Days] = _no_days
    note: Callable[[Iterable[Alteration]], None] = _unnoted

    def table(self, series: AssetSeries) -> pa.Table:
        """Return what is exported of an asset's bars, as `BARS_SCHEMA`.

        Raises `AdjustmentRefused` for an action that the view needs and that cannot be applied.
        """
        return view_bars(series.stored, series.actions, self.view)

    def bars(self, series: AssetSeries) -> Bars:
        """Return the same as columns of numbers."""
        table = self.table(series)
        dates = table["date"].cast(pa.int32()).to_numpy()
        return Bars(dates, *(table[name].to_numpy() for name in NUMBERS))


class SeriesReader:
    """Reads assets one by one, all as they were at one moment of the database.

    With `as_of` (aware) bars and actions are those known then; facts and listings are today's.
    """

    def __init__(self, connection: psycopg.Connection, as_of: datetime | None) -> None:
        self._connection = connection
        self._as_of = as_of
        self.moment = begin_export(connection)

    def choose(self, scope: ExportScope) -> list[NamedAsset]:
        """Return the assets of a scope, by symbol; of an exchange, all that have bars.

        Raises `UsageError` for an unknown symbol or exchange, and for a scope without a meaning.
        """
        if bool(scope.symbols) == bool(scope.exchange):
            raise UsageError("name what to export: either symbols or an exchange, not both")
        if scope.exchange is None:
            if scope.on is not None:
                raise UsageError("a day selects assets listed on an exchange: name the exchange")
            return find_assets(self._connection, scope.symbols)
        if scope.on is not None:
            universe = fetch_universe(self._connection, scope.exchange, scope.on)
            return find_assets(self._connection, universe)
        require_assets(self._connection, scope.exchange)
        found = fetch_assets_with_bars(self._connection, scope.exchange)
        return sorted(NamedAsset(each.ticker, each.asset_id, each.currency) for each in found)

    def warn_of_unread_actions(self, assets: Sequence[NamedAsset], adjust: str) -> None:
        """Warn with `ActionsNotRead` of actions that an adjustment needs, never read."""
        warn_of_unread_actions(self._connection, assets, adjust)

    def series(self, asset: NamedAsset) -> AssetSeries:
        """Return an asset's whole history."""
        texts = fetch_texts(self._connection, asset.asset_id)
        stored = fetch_bars(self._connection, {asset.asset_id: (None, None)}, as_of=self._as_of)
        code, _, exchange = asset.ticker.rpartition(".")
        return AssetSeries(
            facts=AssetFacts(
                asset_id=asset.asset_id,
                symbol=Symbol(code, exchange),
                **{name: getattr(texts, name) or "" for name in _TEXTS},
                is_delisted=texts.is_delisted,
            ),
            bars=stored.bars,
            actions=fetch_actions(self._connection, [asset], self._as_of),
            listings=_code_periods(fetch_listing_intervals(self._connection, asset.asset_id)),
        )

    def trading_days(self, assets: Sequence[NamedAsset], view: View) -> Days:
        """Return the days of a calendar for assets within a view's window, as `calendar_days`.

        Of assets of several exchanges it has the days of each.
        """
        found, calendars = np.empty(0, np.int32), fetch_calendars(self._connection)
        by_exchange = attrgetter("exchange")
        for exchange, group in groupby(sorted(assets, key=by_exchange), by_exchange):
            traded = traded_days(self._dates([each.asset_id for each in group]))
            last = day_date(int(traded.days[-1])) if len(traded.days) else date.min
            found = np.union1d(found, calendar_days(calendars.of(exchange, last), traded))
        first = days(view.first or date.min)
        return found[(found >= first) & (found <= days(view.last or date.max))].astype(np.int32)

    def _dates(self, asset_ids: Sequence[int]) -> Iterator[Days]:
        """Yield the dates of each asset's bars."""
        for start in range(0, len(asset_ids), _DATES_AT_ONCE):
            some = asset_ids[start : start + _DATES_AT_ONCE]
            yield from fetch_dates(self._connection, some).values()


@contextmanager
def one_moment(
    database: PostgresConnection, as_of: datetime | None = None
) -> Iterator[SeriesReader]:
    """Yield a reader that sees one moment of the database, however long it reads."""
    with database.reading() as connection:
        yield SeriesReader(connection, as_of)


_TEXTS = ("name", "venue", "asset_type", "country", "currency", "isin")


def _code_periods(intervals: Sequence[ListingInterval]) -> tuple[CodePeriod, ...]:
    """Join neighbouring intervals of one code."""
    joined: list[CodePeriod] = []
    for each in intervals:
        continues = joined and joined[-1].code == each.symbol
        since = joined.pop().since if continues else each.from_moment.date()
        until = each.until_moment and each.until_moment.date()
        joined.append(CodePeriod(each.symbol, since, until))
    return tuple(joined)
