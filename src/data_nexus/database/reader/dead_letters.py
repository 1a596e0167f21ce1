"""List dead letters, put their assets back into the queue, or give the assets up."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row, dict_row, scalar_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query

# There are not so many.
_MANY = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which dead letters: what is None filters nothing.

    `reason` is a part of their reason, in capitals or not; `until` the last moment at which they
    were written.
    """

    asset_ids: list[int] | None = None
    exchange: str | None = None
    endpoint: str | None = None
    reason: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedLetter:
    """A dead letter on a page, with its asset; `is_parked` while that waits for a person."""

    asset_id: int
    symbol: str
    endpoint: str
    request: str
    status: int | None
    reason: str
    excerpt: str
    body_sha256: str | None
    first_at: datetime
    last_at: datetime
    count: int
    is_parked: bool


def list_dead_letters(
    database: PostgresConnection, asset_ids: list[int] | None = None
) -> list[dict[str, Any]]:
    """Return the dead letters, the latest first; of some assets or of all."""
    return database.rows("list_dead_letters", {"asset_ids": asset_ids}, dict_row)


def read_letters_page(
    database: PostgresConnection,
    which: LetterFilter,
    before: tuple[datetime, int, str] | None = None,
    most: int = 100,
) -> list[PagedLetter]:
    """Return dead letters, the latest first: those before a moment, an asset and an endpoint."""
    moment, asset_id, endpoint = before or (None, 0, "")
    place = {"before": moment, "before_asset": asset_id, "before_endpoint": endpoint}
    asked = asdict(which) | place | {"most": most}
    return database.rows("dead_letter_page", asked, class_row(PagedLetter))


def count_letters(database: PostgresConnection, which: LetterFilter, most: int) -> int:
    """Return how many dead letters there are, counted up to `most`."""
    asked = asdict(which) | {"most": most}
    with database.connect() as connection:
        found = connection.execute(query("count_matching_dead_letters"), asked).fetchone()
    return int(found[0]) if found else 0


def count_letters_now(database: PostgresConnection, which: LetterFilter) -> tuple[int, datetime]:
    """Return how many dead letters there are, and the moment at which it was so many."""
    with database.together() as one:
        (moment,) = one.rows("days_ago", {"days": 0}, scalar_row)
        return count_letters(one, which, _MANY), moment


def retry_dead_letters(database: PostgresConnection, asset_ids: list[int] | None) -> int:
    """Put parked assets back into the queue; return how many."""
    return retry_letters(database, LetterFilter(asset_ids=asset_ids))


def drop_dead_letters(database: PostgresConnection, asset_ids: list[int] | None) -> int:
    """Give assets up: their dead letters go and they are paused; return how many."""
    return drop_letters(database, LetterFilter(asset_ids=asset_ids))


def retry_letters(database: PostgresConnection, which: LetterFilter) -> int:
    """Put the parked assets of dead letters back into the queue; return how many."""
    return _change(database, "retry_dead_letters", which)


def drop_letters(database: PostgresConnection, which: LetterFilter) -> int:
    """Give the assets of dead letters up: the letters go, they are paused; return how many."""
    return _change(database, "drop_dead_letters", which)


def _change(database: PostgresConnection, name: str, which: LetterFilter) -> int:
    with database.connect() as connection:
        return connection.execute(query(name), asdict(which)).rowcount
