"""Read what a snapshot holds: its moment, the parts of its bars, its small tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from data_nexus.database.queries import query

# The statement that reads each small table whole.
_TABLES = {
    "assets": "lake_assets",
    "listings": "lake_listings",
    "discoveries": "lake_discoveries",
    "splits": "lake_splits",
    "dividends": "lake_dividends",
}


@dataclass(frozen=True, slots=True)
class BarsPart:
    """What the bars of neighbouring assets in one period are, counted and hashed by PostgreSQL.

    `number` is that of the assets, divided by the number of assets in a part; `period` the position
    of the period. `fingerprint` is signed.
    """

    exchange: str
    number: int
    period: int
    bars: int
    first_date: date
    last_date: date
    fingerprint: int
    asset_ids: list[int]


def begin_snapshot(connection: psycopg.Connection) -> tuple[datetime, date | None]:
    """Lift the transaction's time limits; return the moment it sees and the last bar's date."""
    moment: datetime
    ((moment, last_bar, *_),) = connection.execute(query("lake_moment")).fetchall()
    return moment.astimezone(UTC), last_bar


def fetch_parts(
    connection: psycopg.Connection, starts: Sequence[date], assets_a_part: int
) -> list[BarsPart]:
    """Return the parts of all bars; periods begin before and at `starts`."""
    parameters = {"starts": [*starts], "assets_a_part": assets_a_part}
    cursor = connection.cursor(row_factory=class_row(BarsPart))
    return cursor.execute(query("lake_parts"), parameters).fetchall()


def fetch_table_rows(connection: psycopg.Connection, table: str) -> psycopg.Cursor[tuple[Any, ...]]:
    """Return all rows of a small table of a snapshot, in the order of its columns."""
    return connection.execute(query(_TABLES[table]))
