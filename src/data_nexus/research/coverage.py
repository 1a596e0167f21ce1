"""Owns reading how complete histories are: sessions stored, known absent, missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.packed import Dates, fetch_dates
from data_nexus.database.sql import query
from data_nexus.domain.bars import Days, days
from data_nexus.domain.calendars import sessions_of
from data_nexus.domain.publication import kind_of, published_through
from data_nexus.domain.sessions import day_date
from data_nexus.research.assets import Named, Wanted, find_assets
from data_nexus.research.columns import table_of

COVERAGE_SCHEMA = pa.schema(
    [
        ("asset_id", pa.int32()),
        ("ticker", pa.string()),
        ("first_bar", pa.date32()),
        ("last_bar", pa.date32()),
        ("synced_through", pa.date32()),
        ("expected", pa.int32()),
        ("stored", pa.int32()),
        ("absent", pa.int32()),
        ("missing", pa.int32()),
        ("unexpected", pa.int32()),
        ("is_exact", pa.bool_()),
    ]
)


def read_coverage(database: PostgresConnection, wanted: Wanted, now: datetime) -> pa.Table:
    """Return how complete the histories of symbols or of a universe are at a moment, by ticker.

    Columns as in `COVERAGE_SCHEMA`. *expected* counts the sessions from the first bar to the last
    one that is out; of a dead or retired asset, to its last bar or its cursor. They are *stored*,
    *absent* (the vendor was asked and had no bar, so the cursor passed them) or *missing* (behind
    the cursor). *unexpected* are bars on days that are no session of the calendar; without any bar
    nothing is known, and the counts are 0. Raises `UsageError` for an unknown symbol.
    """
    with database.reading() as connection:
        assets = find_assets(connection, wanted)
        numbers = {"asset_ids": [asset.asset_id for asset in assets]}
        places = {row[0]: row[1:] for row in connection.execute(query("read_places"), numbers)}
        dates = fetch_dates(connection, numbers["asset_ids"])
    return table_of(_rows(assets, places, dates, now), COVERAGE_SCHEMA)


def _rows(
    assets: Sequence[Named], places: dict[int, Any], dates: Dates, now: datetime
) -> Iterator[tuple[Any, ...]]:
    for asset in assets:
        exchange, venue, asset_type, cursor, is_listed = places[asset.asset_id]
        held = dates.get(asset.asset_id)
        if held is None:
            yield (asset.asset_id, asset.ticker, None, None, cursor, 0, 0, 0, 0, 0, None)
            continue
        first, last_bar = (day_date(int(held[at])) for at in (0, -1))
        last = max(last_bar, cursor or last_bar)
        if is_listed:
            last = max(last, published_through(exchange, kind_of(venue, asset_type), now))
        counts = _counts(exchange, held, (first, last), cursor)
        yield (asset.asset_id, asset.ticker, first, last_bar, cursor, *counts)


def _counts(
    exchange: str, held: Days, span: tuple[date, date], cursor: date | None
) -> tuple[int, int, int, int, int, bool]:
    sessions = sessions_of(exchange, span[1])
    expected = sessions.between(*span)
    is_stored = np.isin(expected, held)
    passed = np.zeros(len(expected), np.bool_) if cursor is None else expected <= days(cursor)
    return (
        len(expected),
        int(is_stored.sum()),
        int((~is_stored & passed).sum()),
        int((~is_stored & ~passed).sum()),
        int((~np.isin(held, expected)).sum()),
        all(sessions.is_exact(day) for day in span),
    )
