"""Read how complete exchanges are, as it was last counted; and keep what was counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row, scalar_row, tuple_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query

MOST_MISSING = 2_147_483_647


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedYear:
    """How complete an exchange was in a year when it was counted; `assets` lack a session."""

    exchange: str
    year: int
    expected: int
    stored: int
    absent: int
    missing: int
    assets: int
    counted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetGap:
    """An asset that lacks sessions of a year."""

    asset_id: int
    symbol: str
    name: str
    missing: int


def read_counted_years(database: PostgresConnection) -> list[CountedYear]:
    """Return how complete exchanges are, by exchange and year."""
    return database.rows("coverage_years", {}, class_row(CountedYear))


def read_gaps(
    database: PostgresConnection,
    exchange: str,
    year: int,
    *,
    missing: int = MOST_MISSING,
    after: int = 0,
    most: int = 100,
) -> list[AssetGap]:
    """Return assets that lack sessions of a year, those with the most first.

    They come after the asset `after`, which lacks `missing`.
    """
    asked = {"exchange": exchange, "year": year, "missing": missing, "after": after, "most": most}
    return database.rows("coverage_gaps", asked, class_row(AssetGap))


def exchanges_to_count(database: PostgresConnection) -> list[str]:
    """Return the exchanges whose counts are too old, or that have none."""
    return database.rows("uncounted_exchanges", {}, scalar_row)


def assets_to_count(database: PostgresConnection, exchange: str) -> list[tuple[int, str]]:
    """Return the numbers and symbols of an exchange's assets that may have sessions."""
    return database.rows("assets_to_count", {"exchange": exchange}, tuple_row)


@contextmanager
def counting_alone(database: PostgresConnection) -> Iterator[bool]:
    """Give whether no other process counts; none does while the block lasts then."""
    with database.connect() as connection:
        row = connection.execute(query("try_to_count")).fetchone()
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield bool(row and row[0])


def store_counts(
    database: PostgresConnection,
    exchange: str,
    years: Sequence[CountedYear],
    gaps: Sequence[tuple[int, int, int]],
    counted_at: datetime,
) -> None:
    """Store what was counted of an exchange; `gaps` are asset, year and missing sessions."""
    with database.connect() as connection:
        connection.execute(query("forget_coverage"), {"exchange": exchange})
        asked = {
            "exchange": exchange,
            "counted_at": counted_at,
            "years": [each.year for each in years],
            **{
                name: [getattr(each, name) for each in years]
                for name in ("expected", "stored", "absent", "missing", "assets")
            },
        }
        connection.execute(query("store_coverage_years"), asked)
        columns = [list(column) for column in zip(*gaps, strict=True)] or [[], [], []]
        named = dict(zip(("asset_ids", "years", "missing"), columns, strict=True))
        connection.execute(query("store_coverage_gaps"), {"exchange": exchange, **named})
