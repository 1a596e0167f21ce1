"""`nexus status` says who is fresh by the calendar, not by the age of an answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.status import overview
from data_nexus.domain.calendar.publication import (
    PublicationKind,
    published_since,
    published_through,
)
from tests.support.postgres.tables import add_assets, execute

PLACE: dict[str, Any] = {"venue": "NYSE", "asset_type": "Common Stock"}


def states(url: str) -> tuple[int, int, int]:
    found = overview(PostgresConnection(url), load_settings({"database_url": url})).assets
    return found["fresh"], found["stale"], found["without_data"]


def add(url: str, code: str, **known: Any) -> None:  # noqa: ANN401
    """An asset with one bar."""
    (asset_id,) = add_assets(url, code, **PLACE, last_bar="2024-01-02", **known)
    execute(url, f"INSERT INTO market_data VALUES ({asset_id}, '2024-01-02', 1, 1, 1, 1, 1, 1)")  # noqa: S608


def test_an_asset_is_fresh_that_lacks_no_session_however_old_the_answer(database_url: str) -> None:
    """A name that does not trade is carried on without an answer of its own."""
    now = datetime.now(UTC)
    last = published_through("US", PublicationKind.TRADED, now)
    add(database_url, "QUIET", synced_through=last, last_synced=now - timedelta(days=90))
    add(database_url, "BEHIND", synced_through=last - timedelta(1), last_synced=now - timedelta(90))
    assert states(database_url) == (1, 1, 0)


def test_an_asset_is_fresh_that_has_answered_since_the_last_session_is_out(
    database_url: str,
) -> None:
    """A load leaves the cursor at the last bar: what the vendor had not, nobody lacks."""
    since = published_since("US", PublicationKind.TRADED, datetime.now(UTC))
    add(database_url, "AFTER", synced_through="2024-01-02", last_synced=since)
    add(database_url, "BEFORE", synced_through="2024-01-02", last_synced=since - timedelta(0, 1))
    assert states(database_url) == (1, 1, 0)


def test_the_dead_are_fresh_and_who_has_no_bars_is_neither(database_url: str) -> None:
    add(database_url, "DEAD", synced_through="2024-01-02", is_delisted=True)
    add_assets(database_url, "EMPTY", **PLACE)
    assert states(database_url) == (1, 0, 1)
