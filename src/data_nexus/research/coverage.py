"""Read how complete histories are: sessions stored, known absent, missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.bars import fetch_dates, fetch_rejected_dates
from data_nexus.database.reader.planning import fetch_calendars
from data_nexus.database.reader.universe import AssetState, fetch_states
from data_nexus.domain.bars import EPOCH, Days, days
from data_nexus.domain.calendar.learned import NOTHING_LEARNED, Calendars
from data_nexus.domain.calendar.publication import kind_of, published_through
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.research.assets import NamedAsset, Selection, find_assets
from data_nexus.research.columns import table_of

COVERAGE_SCHEMA = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("ticker", pa.string()),
        ("first_bar", pa.date32()),
        ("last_bar", pa.date32()),
        ("synced_through", pa.date32()),
        ("settled_through", pa.date32()),
        ("expected", pa.int32()),
        ("stored", pa.int32()),
        ("provisional", pa.int32()),
        ("absent", pa.int32()),
        ("missing", pa.int32()),
        ("unexpected", pa.int32()),
        ("is_exact", pa.bool_()),
    ]
)

# The sessions that are neither stored nor known absent.
MISSING_SCHEMA = pa.schema(
    [("asset_id", pa.int32()), ("ticker", pa.string()), ("date", pa.date32())]
)
_NO_DAYS = np.empty(0, np.int32)
# Of so many assets the dates are in memory at once: some 10 MB.
_AT_ONCE = 500

Flags = NDArray[np.bool_]
By = Literal["ticker", "exchange"]


@dataclass(frozen=True, slots=True)
class YearCount:
    """The sessions of a year that are expected of an asset or of an exchange, and what they are."""

    name: str
    year: int
    expected: int
    stored: int
    absent: int
    missing: int


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """Sessions in a row that an asset lacks."""

    ticker: str
    first: date
    last: date
    sessions: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What is expected, stored and missing by year, by name and year; and the missing sessions."""

    years: tuple[YearCount, ...]
    missing: tuple[MissingSpan, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """The sessions expected of an asset, and which of them are stored, final or known absent."""

    expected: Days = field(default_factory=lambda: _NO_DAYS)
    is_stored: Flags = field(default_factory=lambda: np.empty(0, np.bool_))
    is_final: Flags = field(default_factory=lambda: np.empty(0, np.bool_))
    is_absent: Flags = field(default_factory=lambda: np.empty(0, np.bool_))
    unexpected: int = 0
    is_exact: bool | None = None

    @property
    def is_missing(self) -> Flags:
        """Which sessions are neither stored nor known absent."""
        flags: Flags = ~self.is_stored & ~self.is_absent
        return flags


def read_coverage(database: PostgresConnection, selection: Selection, now: datetime) -> pa.Table:
    """Return how complete the histories of symbols or of a universe are at a moment, by ticker.

    Columns as in `COVERAGE_SCHEMA`. *expected* counts the sessions from the first bar to the last
    one published; of a delisted or retired asset, to its last bar or its cursor; and those before
    of which a row was rejected. They are *stored*, *absent* (the vendor had no bar when they were
    settled) or *missing* (not read or not sent yet, or their row was rejected). Of the stored ones
    some are *provisional*: the vendor may still correct them. *unexpected* are bars on days that
    are not sessions of the calendar; without any row nothing is known, and the counts are 0. Raises
    `UsageError` for an unknown symbol.
    """
    with database.reading() as connection:
        assets = find_assets(connection, selection)
        asset_ids = [asset.asset_id for asset in assets]
        states = fetch_states(connection, asset_ids)
        dates = fetch_dates(connection, asset_ids)
        rejected = fetch_rejected_dates(connection, asset_ids)
        calendars = fetch_calendars(connection)
    named = [(each.ticker, states[each.asset_id]) for each in assets]
    return coverage_of(named, dates, now, rejected, calendars)


def read_missing(database: PostgresConnection, selection: Selection, now: datetime) -> pa.Table:
    """Return the missing sessions of symbols or of a universe, by ticker and date.

    Columns as in `MISSING_SCHEMA`; missing is what `read_coverage` counts. Raises `UsageError` for
    an unknown symbol.
    """
    with database.reading() as connection:
        assets = find_assets(connection, selection)
        rows = [
            (asset.asset_id, asset.ticker, day_date(int(day)))
            for asset, judged in _judged_histories(connection, assets, now)
            for day in judged.expected[judged.is_missing]
        ]
    return table_of(rows, MISSING_SCHEMA)


def survey(
    database: PostgresConnection,
    selection: Selection,
    now: datetime,
    *,
    by: By = "ticker",
) -> Survey:
    """Return how complete histories are year by year, of each asset or of each exchange.

    The counts are those of `read_coverage`. Raises `UsageError` for an unknown symbol.
    """
    counts: dict[tuple[str, int], NDArray[np.int64]] = {}
    missing: list[MissingSpan] = []
    with database.reading() as connection:
        assets = find_assets(connection, selection)
        for asset, judged in _judged_histories(connection, assets, now):
            name = asset.ticker if by == "ticker" else asset.exchange
            for year, found in _by_year(judged):
                counts[name, year] = counts.get((name, year), 0) + found
            missing += _missing_spans(asset.ticker, judged)
    years = [YearCount(*key, *map(int, found)) for key, found in sorted(counts.items())]
    return Survey(tuple(years), tuple(missing))


def count_years(
    database: PostgresConnection, assets: Sequence[NamedAsset], now: datetime
) -> list[tuple[NamedAsset, list[YearCount]]]:
    """Return each asset with its years, counted as `survey` does; of some assets, not of many."""
    with database.reading() as connection:
        return [
            (
                asset,
                [
                    YearCount(asset.ticker, year, *map(int, counts))
                    for year, counts in _by_year(judged)
                ],
            )
            for asset, judged in _judged_histories(connection, assets, now)
        ]


def coverage_of(
    assets: Iterable[tuple[str, AssetState]],
    dates: Mapping[int, Days],
    now: datetime,
    rejected: Mapping[int, Days] | None = None,
    calendars: Calendars = NOTHING_LEARNED,
) -> pa.Table:
    """Return the coverage as `read_coverage` does, of assets given with their tickers.

    `dates` are those of the bars, by asset, and `rejected` those of rejected rows, if known.
    """
    refused = rejected or {}
    rows = (
        _row(
            calendars,
            ticker,
            asset,
            dates.get(asset.asset_id),
            refused.get(asset.asset_id, _NO_DAYS),
            now,
        )
        for ticker, asset in assets
    )
    return table_of(rows, COVERAGE_SCHEMA)


def _judged_histories(
    connection: psycopg.Connection, assets: Sequence[NamedAsset], now: datetime
) -> Iterator[tuple[NamedAsset, _Judged]]:
    """Give each asset with its sessions; the dates of some assets at a time are in memory."""
    calendars = fetch_calendars(connection)
    for begin in range(0, len(assets), _AT_ONCE):
        some = assets[begin : begin + _AT_ONCE]
        asset_ids = [asset.asset_id for asset in some]
        states = fetch_states(connection, asset_ids)
        dates = fetch_dates(connection, asset_ids)
        rejected = fetch_rejected_dates(connection, asset_ids)
        for asset in some:
            held, refused = dates.get(asset.asset_id), rejected.get(asset.asset_id, _NO_DAYS)
            yield asset, _judged(calendars, states[asset.asset_id], held, refused, now)


def _row(
    calendars: Calendars,
    ticker: str,
    asset: AssetState,
    held: Days | None,
    rejected: Days,
    now: datetime,
) -> tuple[Any, ...]:
    judged = _judged(calendars, asset, held, rejected, now)
    first, last = (None, None) if held is None else (day_date(int(held[at])) for at in (0, -1))
    return (
        *(asset.asset_id, ticker, first, last, asset.synced_through, asset.settled_through),
        len(judged.expected),
        int(judged.is_stored.sum()),
        int((judged.is_stored & ~judged.is_final).sum()),
        int(judged.is_absent.sum()),
        int(judged.is_missing.sum()),
        judged.unexpected,
        judged.is_exact,
    )


def _judged(
    calendars: Calendars, asset: AssetState, held: Days | None, rejected: Days, now: datetime
) -> _Judged:
    """Return the sessions that are expected of an asset at a moment; `held` are those of its bars.

    Without a bar only those are expected of which a row was rejected.
    """
    if held is None:
        lost = _sessions_among(calendars, rejected, asset.exchange)
        none = np.zeros(len(lost), np.bool_)
        return _Judged(lost, none, none, none)
    first, last_bar = (day_date(int(held[at])) for at in (0, -1))
    last = max(last_bar, asset.synced_through or last_bar)
    if asset.is_listed:
        kind = kind_of(asset.venue, asset.asset_type)
        last = max(last, published_through(asset.exchange, kind, now, None, calendars))
    unheld = rejected[~np.isin(rejected, held)]
    lost = _sessions_among(calendars, unheld, asset.exchange)
    sessions = calendars.of(asset.exchange, last)
    expected = np.union1d(lost[lost < days(first)], sessions.between(first, last))
    is_stored = np.isin(expected, held)
    is_final = expected <= days(min(asset.last_final, asset.synced_through or date.min))
    return _Judged(
        expected,
        is_stored,
        is_final,
        ~is_stored & is_final & ~np.isin(expected, lost),
        int((~np.isin(held, expected)).sum()),
        all(sessions.is_exact(day) for day in (first, last)),
    )


def _sessions_among(calendars: Calendars, dates: Days, exchange: str) -> Days:
    """Return which of some days are sessions of an exchange."""
    if not len(dates):
        return dates
    return dates[np.isin(dates, calendars.of(exchange, day_date(int(dates.max()))).days)]


def _by_year(judged: _Judged) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Give each year with its sessions: expected, stored, absent and missing."""
    years, at = np.unique(
        judged.expected.astype("datetime64[D]").astype("datetime64[Y]"), return_inverse=True
    )
    flags = (np.ones(len(at)), judged.is_stored, judged.is_absent, judged.is_missing)
    counts = np.array([np.bincount(at, each, len(years)) for each in flags], np.int64)
    yield from zip((years.astype(np.int64) + EPOCH.year).tolist(), counts.T, strict=True)


def _missing_spans(ticker: str, judged: _Judged) -> Iterator[MissingSpan]:
    """Give the missing sessions of an asset, those in a row as one."""
    places = np.flatnonzero(judged.is_missing)
    if not len(places):
        return
    for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
        first, last = (day_date(int(judged.expected[at])) for at in (run[0], run[-1]))
        yield MissingSpan(ticker, first, last, len(run))
