"""Read how complete histories are: sessions stored, known absent, missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.bars import fetch_dates, fetch_rejected_dates
from data_nexus.database.reader.planning import fetch_calendars
from data_nexus.database.reader.universe import AssetState, fetch_states
from data_nexus.domain.bars import Days, days
from data_nexus.domain.calendar.learned import NOTHING_LEARNED, Calendars
from data_nexus.domain.calendar.publication import kind_of, published_through
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.research.assets import Selection, find_assets
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

_NO_DAYS = np.empty(0, np.int32)


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


def _row(
    calendars: Calendars,
    ticker: str,
    asset: AssetState,
    held: Days | None,
    rejected: Days,
    now: datetime,
) -> tuple[Any, ...]:
    known = (asset.asset_id, ticker)
    if held is None:
        lost = len(_sessions_among(calendars, rejected, asset.exchange))
        counts: tuple[int | None, ...] = (lost, 0, 0, 0, lost, 0, None)
        return (*known, None, None, asset.synced_through, asset.settled_through, *counts)
    first, last_bar = (day_date(int(held[at])) for at in (0, -1))
    last = max(last_bar, asset.synced_through or last_bar)
    if asset.is_listed:
        kind = kind_of(asset.venue, asset.asset_type)
        last = max(last, published_through(asset.exchange, kind, now, None, calendars))
    unheld = rejected[~np.isin(rejected, held)]
    lost_days = _sessions_among(calendars, unheld, asset.exchange)
    counts = _counts(calendars, asset, held, (first, last), lost_days)
    return (*known, first, last_bar, asset.synced_through, asset.settled_through, *counts)


def _sessions_among(calendars: Calendars, dates: Days, exchange: str) -> Days:
    """Return which of some days are sessions of an exchange."""
    if not len(dates):
        return dates
    return dates[np.isin(dates, calendars.of(exchange, day_date(int(dates.max()))).days)]


def _counts(
    calendars: Calendars, asset: AssetState, held: Days, span: tuple[date, date], rejected: Days
) -> tuple[int, int, int, int, int, int, bool]:
    sessions = calendars.of(asset.exchange, span[1])
    begun = sessions.between(*span)
    expected = np.union1d(rejected[rejected < days(span[0])], begun)
    is_stored = np.isin(expected, held)
    is_final = expected <= days(min(asset.last_final, asset.synced_through or date.min))
    is_absent = ~is_stored & is_final & ~np.isin(expected, rejected)
    return (
        len(expected),
        int(is_stored.sum()),
        int((is_stored & ~is_final).sum()),
        int(is_absent.sum()),
        int((~is_stored & ~is_absent).sum()),
        int((~np.isin(held, expected)).sum()),
        all(sessions.is_exact(day) for day in span),
    )
