"""`nexus status` says who is fresh by the calendar, not by the age of an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.findings import accept_suspicions
from data_nexus.database.reader.status import overview
from data_nexus.domain.calendar.publication import (
    PublicationKind,
    last_published,
)
from data_nexus.domain.symbol import Symbol
from tests.support.postgres.tables import add_assets, execute

RULE = "prices are present"
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


@pytest.mark.parametrize(("read_after", "fresh"), [("2024-01-03", 1), ("infinity", 2)])
def test_a_suspected_asset_is_not_fresh_unless_it_was_read_in_vain_for_long(
    database_url: str, read_after: str, fresh: int
) -> None:
    out = last_published("US", PublicationKind.TRADED, datetime.now(UTC))
    for code in ("SURE", "LEAPT"):
        add(database_url, code, synced_through=out.last, settled_through=out.before)
    columns = "asset_id, reason, session, read_after"
    noted = f"SELECT id, 'its price leaps', '2024-01-02', '{read_after}' FROM assets"  # noqa: S608
    execute(database_url, f"INSERT INTO suspicions ({columns}) {noted} WHERE symbol = 'LEAPT'")
    assert states(database_url) == (fresh, 2 - fresh, 0)


def test_a_suspicion_that_was_accepted_is_open_nowhere(database_url: str) -> None:
    """Not for who is fresh, not among the suspected ones, and not among the notices."""
    out = last_published("US", PublicationKind.TRADED, datetime.now(UTC))
    add(database_url, "LEAPT", synced_through=out.last, settled_through=out.before)
    execute(
        database_url,
        "INSERT INTO suspicions (asset_id, reason, session, read_after)"
        " SELECT id, 'its price leaps', '2024-01-02', '2024-01-03' FROM assets",
    )
    database = PostgresConnection(database_url)
    settings = load_settings({"database_url": database_url})
    before = overview(database, settings)
    assert (before.assets["fresh"], before.assets["suspected"], before.notices.total) == (0, 1, 1)
    assert accept_suspicions(database, [Symbol("LEAPT", "US")]) == 1
    after = overview(database, settings)
    assert (after.assets["fresh"], after.assets["suspected"], after.notices.total) == (1, 0, 0)


def test_an_answer_since_the_last_session_is_out_is_no_proof_of_it(database_url: str) -> None:
    """The session may be late; what the vendor did not have then, it may have tomorrow."""
    now = datetime.now(UTC)
    add(database_url, "ASKED", synced_through="2024-01-02", last_synced=now)
    assert states(database_url) == (0, 1, 0)


def test_the_dead_are_fresh_and_who_has_no_bars_is_neither(database_url: str) -> None:
    add(database_url, "DEAD", synced_through="2024-01-02", is_delisted=True)
    add_assets(database_url, "EMPTY", **PLACE)
    assert states(database_url) == (1, 0, 1)


def test_what_is_open_is_counted_by_reason_and_what_is_rejected_or_withdrawn_for_a_week(
    database_url: str,
) -> None:
    add(database_url, "PARKED", parked_at=datetime.now(UTC))
    add(database_url, "LATE")
    add(database_url, "LEAPS")
    add(database_url, "WRONG")
    execute(
        database_url,
        "INSERT INTO suspicions (asset_id, reason, session, noted_at, read_after)"
        " SELECT id, CASE symbol WHEN 'LATE' THEN 'no row although it trades'"
        " ELSE 'its price leaps' END, '2024-01-03', now() - interval '90 days', 'infinity'"
        " FROM assets WHERE symbol IN ('LATE', 'LEAPS')",
        f"INSERT INTO rejected_rows SELECT id, '2024-01-03', '{RULE}', '{{}}', moment"  # noqa: S608
        " FROM assets CROSS JOIN (VALUES ('WRONG', now() - interval '6 days'),"
        " ('LATE', now() - interval '8 days')) AS t (code, moment) WHERE symbol = code",
    )
    settings = load_settings({"database_url": database_url})
    notices = overview(PostgresConnection(database_url), settings).notices
    assert notices.as_dict() == {
        "counts": {"late": 1, "parked": 1, "rejected": 1, "suspected": 1},
        "assets": [
            {"symbol": "LATE.US", "reason": "late", "detail": "no row of 2024-01-03"},
            {"symbol": "PARKED.US", "reason": "parked", "detail": "no dead letter"},
            {
                "symbol": "WRONG.US",
                "reason": "rejected",
                "detail": "2024-01-03: prices are present",
            },
            {"symbol": "LEAPS.US", "reason": "suspected", "detail": "its price leaps, 2024-01-03"},
        ],
    }
