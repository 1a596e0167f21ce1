"""Owns reading what a chart shows: bars, actions and sessions of the symbols that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.sql import query
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment import adjusted, factors
from data_nexus.domain.bars import Bars, Days, days
from data_nexus.domain.calendars import sessions_of
from data_nexus.domain.publication import kind_of, published_through
from data_nexus.domain.sessions import day_date
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from data_nexus.research.bars import read_bars
from data_nexus.research.caption import Adjust
from data_nexus.research.chart import History

_COLUMNS = ("open", "high", "low", "close", "adjusted_close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plotted:
    """What is to be shown of each symbol; `first` and `last` are included, None is no bound.

    `now` (aware) decides which sessions are out; with `as_of` it is that moment.
    """

    first: date | None = None
    last: date | None = None
    adjust: Adjust = "raw"
    as_of: datetime | None = None
    now: datetime


def read_histories(
    database: PostgresConnection, symbols: Sequence[Symbol], plotted: Plotted
) -> list[History]:
    """Return what a chart shows of each symbol, in the order in which they are given.

    Raises `UsageError` for a symbol that is not in the database, or that has no bar between the
    dates.
    """
    wanted = list(dict.fromkeys(symbols))
    table = read_bars(database, wanted, as_of=plotted.as_of)
    asked = {
        "symbols": [symbol.code for symbol in wanted],
        "exchanges": [symbol.exchange for symbol in wanted],
    }
    histories = []
    with database.connect() as connection:
        assets = {row[0]: row[1:] for row in connection.execute(query("plotted_assets"), asked)}
        for symbol in wanted:
            asset = assets[str(symbol)]
            known = {"asset_id": asset[0], "as_of": plotted.as_of}
            actions = connection.execute(query("plotted_actions"), known).fetchall()
            bars = _bars(table.filter(pa.compute.equal(table["ticker"], str(symbol))))
            histories.append(_history(symbol, asset, bars, actions, plotted))
    return histories


def _history(
    symbol: Symbol,
    asset: tuple[Any, ...],
    bars: Bars,
    actions: Sequence[tuple[Any, ...]],
    plotted: Plotted,
) -> History:
    _, name, currency, venue, asset_type, is_delisted = asset
    splits = tuple(Split(*row[:3]) for row in actions if row[1] is not None)
    dividends = tuple(_dividend(row) for row in actions if row[1] is None)
    shown = _within(bars.date, plotted)
    if not shown.any():
        raise UsageError(
            f"{symbol} has no bar {_dates(plotted)}; nexus bars {symbol} shows what it has"
        )
    end = None if is_delisted else _published(symbol, venue, asset_type, plotted)
    return History(
        symbol=str(symbol),
        name=name,
        currency=currency,
        bars=_adjusted(bars, splits, dividends, currency, plotted.adjust).take(shown),
        sessions=_sessions(symbol, bars.date, end, plotted),
        splits=splits,
        dividends=dividends,
    )


def _adjusted(
    bars: Bars,
    splits: tuple[Split, ...],
    dividends: tuple[Dividend, ...],
    currency: str,
    adjust: Adjust,
) -> Bars:
    if adjust == "raw":
        return bars
    if adjust == "vendor":
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(bars.close > 0, bars.adjusted_close / bars.close, 1.0)
        scaled = (bars.open * scale, bars.high * scale, bars.low * scale, bars.adjusted_close)
        return Bars(bars.date, *scaled, bars.adjusted_close, bars.volume)
    return adjusted(
        bars, factors(bars.date, bars.close, splits, dividends, currency=currency), adjust
    )


def _published(symbol: Symbol, venue: str, asset_type: str, plotted: Plotted) -> date:
    kind = kind_of(venue, asset_type)
    return published_through(symbol.exchange, kind, plotted.as_of or plotted.now)


def _sessions(symbol: Symbol, held: Days, end: date | None, plotted: Plotted) -> Days:
    """Return the sessions from an asset's first bar on, within the dates that are asked for.

    Where the exchange's holidays are not known, nothing is expected.
    """
    first, last = (day_date(int(held[at])) for at in (0, -1))
    first = max(first, plotted.first or first)
    last = max(last, end or last)
    last = min(last, plotted.last or last)
    sessions = sessions_of(symbol.exchange, last)
    first, last = max(first, sessions.exact.first), min(last, sessions.exact.last)
    return sessions.between(first, last) if first <= last else np.array([], np.int32)


def _within(dates: Days, plotted: Plotted) -> Any:  # noqa: ANN401
    first = days(plotted.first or date.min)
    return (dates >= first) & (dates <= days(plotted.last or date.max))


def _dates(plotted: Plotted) -> str:
    parts = [
        f"{word} {day}" for word, day in (("from", plotted.first), ("to", plotted.last)) if day
    ]
    moment = f"known at {plotted.as_of}" if plotted.as_of else ""
    return " ".join([*parts, moment]).strip() or "yet"


def _bars(table: pa.Table) -> Bars:
    dates = table["date"].to_numpy().astype("datetime64[D]").astype(np.int32)
    return Bars(dates, *(table[name].to_numpy() for name in _COLUMNS))


def _dividend(row: tuple[Any, ...]) -> Dividend:
    return Dividend(date=row[0], value=row[3], unadjusted_value=row[4], currency=row[5])
