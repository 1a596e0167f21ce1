"""Read what a chart shows: bars, actions and sessions of the requested symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
from pyarrow import compute

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.exports import (
    ChartedAsset,
    fetch_charted_assets,
    fetch_revised_dates,
)
from data_nexus.database.reader.planning import known_calendars
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars, Days, days
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.calendar.publication import kind_of, published_through
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import AdjustmentRefused, UsageError
from data_nexus.research.actions import read_actions
from data_nexus.research.assets import find_assets, warn_of_unread_actions
from data_nexus.research.bars import read_bars, read_view
from data_nexus.research.charts.caption import Basis
from data_nexus.research.charts.chart import ChartHistory
from data_nexus.research.columns import NUMBERS
from data_nexus.research.views import Adjust, View

# Of the smallest split that draws a cliff, 5:4; a dividend is less.
_LEAP = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRequest:
    """What a chart shows of each symbol; `first` and `last` are included, None is no limit.

    `now` (aware) decides which sessions are published; with `as_of` it is that moment. Without
    `adjust` prices are as traded, unless a split lies within what is shown: then *splits*, so that
    it is not drawn as a fall.
    """

    first: date | None = None
    last: date | None = None
    adjust: Adjust | None = None
    as_of: datetime | None = None
    now: datetime

    @property
    def moment(self) -> datetime:
        """The moment at which everything shown was known."""
        return self.as_of or self.now


@dataclass(frozen=True, slots=True)
class Charted:
    """What a chart shows of each symbol, and what the prices are based on."""

    histories: list[ChartHistory]
    basis: Basis


def read_histories(
    database: PostgresConnection, symbols: Sequence[Symbol], request: ChartRequest
) -> Charted:
    """Return what a chart shows of each symbol, in the order given, all adjusted alike.

    Raises `UsageError` for a symbol that is not in the database, or that has no bar between the
    dates, and `AdjustmentRefused` where an action cannot be applied.
    """
    wanted = list(dict.fromkeys(symbols))
    tickers = [str(symbol) for symbol in wanted]
    actions = read_actions(database, tickers, as_of=request.as_of)
    bars, adjust = _adjusted(database, tickers, actions, request)
    assets, revised = _assets(database, tickers, request.moment)
    before, after = _beyond(database, wanted, request)
    calendars = known_calendars(database)
    histories = []
    for ticker in tickers:
        own = _bars(_of(bars, ticker))
        if not len(own):
            raise UsageError(
                f"{ticker} has no bar {_dates(request)}; nexus status shows what is there"
            )
        ends = (
            request.first if request.first and ticker in before else day_date(int(own.date[0])),
            request.last
            if request.last and ticker in after
            else _end(own, assets[ticker], request, calendars),
        )
        sessions = _sessions(calendars, assets[ticker].exchange, *ends)
        drawn = _history(ticker, own, _of(actions, ticker), assets[ticker], sessions)
        histories.append(replace(drawn, revised=revised[ticker]))
    return Charted(histories, Basis(adjust, request.moment))


def _adjusted(
    database: PostgresConnection,
    tickers: Sequence[str],
    actions: pa.Table,
    request: ChartRequest,
) -> tuple[pa.Table, Adjust]:
    """Return the bars between the dates, and how they are adjusted."""

    def view(adjust: Adjust) -> pa.Table:
        shape = View(adjust=adjust, first=request.first, last=request.last)
        return read_view(database, tickers, shape, as_of=request.as_of)

    if request.adjust:
        return view(request.adjust), request.adjust
    raw = view("raw")
    splits = actions.filter(compute.equal(actions["kind"], "split"))
    if not any(_is_split_within(_of(raw, each), _of(splits, each)) for each in tickers):
        # A split that was not read would be drawn as a fall.
        if cliffs := [each for each in tickers if _has_cliff(_of(raw, each))]:
            with database.reading() as connection:
                warn_of_unread_actions(connection, find_assets(connection, cliffs), "splits")
        return raw, "raw"
    try:
        return view("splits"), "splits"
    except AdjustmentRefused:
        # A split that cannot be applied, and that was not asked for.
        return raw, "raw"


def _has_cliff(bars: pa.Table) -> bool:
    """Return whether the vendor's factor leaps from one bar to the next, as at a split."""
    close, adjusted = bars["close"].to_numpy(), bars["adjusted_close"].to_numpy()
    is_priced = (close > 0) & (adjusted > 0)
    leaps = np.abs(np.diff(np.log(adjusted[is_priced] / close[is_priced])))
    return bool((leaps > _LEAP).any())


def _is_split_within(bars: pa.Table, splits: pa.Table) -> bool:
    """Return whether an asset was split between the first bar and the last."""
    if not len(bars):
        return False
    first, last = compute.min_max(bars["date"]).as_py().values()
    return any(first < day <= last for day in splits["date"].to_pylist())


def _history(
    ticker: str, bars: Bars, actions: pa.Table, asset: ChartedAsset, sessions: Days
) -> ChartHistory:
    rows = actions.to_pylist()
    return ChartHistory(
        symbol=ticker,
        name=asset.name,
        currency=asset.currency,
        bars=bars,
        sessions=sessions,
        settled_through=asset.settled_through,
        splits=tuple(
            Split(row["date"], row["numerator"], row["denominator"])
            for row in rows
            if row["kind"] == "split"
        ),
        dividends=tuple(
            Dividend(
                date=row["date"],
                value=row["value"],
                unadjusted_value=row["unadjusted_value"],
                currency=row["currency"],
            )
            for row in rows
            if row["kind"] == "dividend"
        ),
    )


def _assets(
    database: PostgresConnection, tickers: Sequence[str], moment: datetime
) -> tuple[dict[str, ChartedAsset], dict[str, Days]]:
    """Return what a chart says of each ticker, and the dates of the bars revised by a moment."""
    with database.reading() as connection:
        named = find_assets(connection, tickers)
        asset_ids = [each.asset_id for each in named]
        charted = fetch_charted_assets(connection, asset_ids)
        revised = fetch_revised_dates(connection, asset_ids, moment)
    return (
        {each.ticker: charted[each.asset_id] for each in named},
        {
            each.ticker: np.array([*map(days, revised.get(each.asset_id, ()))], np.int32)
            for each in named
        },
    )


def _beyond(
    database: PostgresConnection, symbols: Sequence[Symbol], request: ChartRequest
) -> tuple[set[str], set[str]]:
    """Return the tickers with a bar before the shown dates, and those with one after them."""
    before, after = set(), set()
    if request.first:
        until = request.first - timedelta(days=1)
        earlier = read_bars(database, symbols, None, until, as_of=request.as_of)
        before = {*earlier["ticker"].unique().to_pylist()}
    if request.last:
        since = request.last + timedelta(days=1)
        later = read_bars(database, symbols, since, None, as_of=request.as_of)
        after = {*later["ticker"].unique().to_pylist()}
    return before, after


def _end(bars: Bars, asset: ChartedAsset, request: ChartRequest, calendars: Calendars) -> date:
    """Return through which day a bar of an asset is expected, no later bar being known."""
    end = day_date(int(bars.date[-1]))
    if asset.is_listed:
        kind = kind_of(asset.venue, asset.asset_type)
        end = max(end, published_through(asset.exchange, kind, request.moment, None, calendars))
    return min(end, request.last or end)


def _sessions(calendars: Calendars, exchange: str, first: date, last: date) -> Days:
    """Return the sessions between two days; where holidays are not known, nothing is expected."""
    sessions = calendars.of(exchange, last)
    first, last = max(first, sessions.exact.first), min(last, sessions.exact.last)
    return sessions.between(first, last) if first <= last else np.array([], np.int32)


def _of(table: pa.Table, ticker: str) -> pa.Table:
    return table.filter(compute.equal(table["ticker"], ticker))


def _bars(table: pa.Table) -> Bars:
    dates = table["date"].to_numpy().astype("datetime64[D]").astype(np.int32)
    return Bars(dates, *(table[name].to_numpy() for name in NUMBERS))


def _dates(request: ChartRequest) -> str:
    parts = [
        f"{word} {day}" for word, day in (("from", request.first), ("to", request.last)) if day
    ]
    known = f"known at {request.as_of:%Y-%m-%d %H:%M} UTC" if request.as_of else ""
    return " ".join(filter(None, [*parts, known])) or "yet"
