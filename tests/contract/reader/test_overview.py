"""`nexus status` says who is fresh by the calendar, not by the age of an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.status import overview
from data_nexus.domain.calendar.publication import (
    PublicationKind,
    last_published,
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


def test_an_asset_is_fresh_that_lacks_no_session_and_is_settled_but_for_the_last(
    database_url: str,
) -> None:
    """However old its own answer is: a name that does not trade is advanced without one."""
    out = last_published("US", PublicationKind.TRADED, datetime.now(UTC))
    add(database_url, "QUIET", synced_through=out.last, settled_through=out.before)
    add(database_url, "BEHIND", synced_through=out.before, settled_through=out.before)
    add(database_url, "UNSETTLED", synced_through=out.last, settled_through=out.earlier)
    add(database_url, "UNKNOWN", synced_through=out.last)
    assert states(database_url) == (1, 3, 0)


def test_an_answer_since_the_last_session_is_out_is_no_proof_of_it(database_url: str) -> None:
    """The session may be late; what the vendor did not have then, it may have tomorrow."""
    now = datetime.now(UTC)
    add(database_url, "ASKED", synced_through="2024-01-02", last_synced=now)
    assert states(database_url) == (0, 1, 0)


def test_the_dead_are_fresh_and_who_has_no_bars_is_neither(database_url: str) -> None:
    add(database_url, "DEAD", synced_through="2024-01-02", is_delisted=True)
    add_assets(database_url, "EMPTY", **PLACE)
    assert states(database_url) == (1, 0, 1)
