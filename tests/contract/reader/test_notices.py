"""What a run could not bring, by asset and reason: only its own, once each, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from data_nexus.database.store import Store, open_store
from data_nexus.database.store.batch import DeadLetter, RejectedRow
from data_nexus.domain.bars import days
from data_nexus.domain.calendar.publication import Published
from data_nexus.domain.planning.due import LastSessions, MarketSegment
from data_nexus.domain.planning.notices import Notices
from data_nexus.domain.planning.suspicion import Reason, Suspicion
from tests.support.postgres.tables import add_assets, execute
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for, reread

RUN, OTHER = 5, 6
THURSDAY, FRIDAY, MONDAY = date(2026, 11, 5), date(2026, 11, 6), date(2026, 11, 9)
EXPECTED = {MarketSegment("US", "", ""): Published(MONDAY, FRIDAY, THURSDAY)}
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
READ: dict[str, Any] = {"last_bar": MONDAY, "synced_through": MONDAY, "settled_through": FRIDAY}


@dataclass(frozen=True)
class Board:
    """What runs have to say; `since` is when they began."""

    store: Store
    runner: asyncio.Runner
    since: datetime

    def of(self, run_id: int = RUN, expected: LastSessions | None = None) -> Notices:
        found = self.store.runs.notices(run_id, self.since, expected or {})
        return self.runner.run(found)

    def said(
        self, run_id: int = RUN, expected: LastSessions | None = None
    ) -> list[tuple[str, ...]]:
        found = self.of(run_id, expected).as_dict()["assets"]
        return [(each["symbol"], each["reason"], each["detail"]) for each in found]

    def note(self, asset_id: int, reason: Reason, session: date = MONDAY) -> None:
        noted = [Suspicion(asset_id, reason, session, NOW)]
        self.runner.run(self.store.suspicions.note(noted))


@pytest.fixture
def board(database_url: str) -> Iterator[Board]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        store = runner.run(stack.enter_async_context(open_store(database_url, "public", 2, 60)))
        try:
            yield Board(store, runner, ago(0.1))
        finally:
            runner.run(stack.aclose())


def test_a_run_that_brought_everything_has_no_notice(board: Board, database_url: str) -> None:
    """A provisional bar of the newest session is what every update leaves."""
    add_assets(database_url, "FRESH", **READ)
    assert board.of(expected=EXPECTED) == Notices()


def test_an_asset_that_the_run_should_have_completed_is_late_or_provisional(
    board: Board, database_url: str
) -> None:
    add_assets(database_url, "BEHIND", **READ | {"last_bar": FRIDAY, "synced_through": FRIDAY})
    add_assets(database_url, "NEVER", **READ | {"settled_through": None})
    add_assets(database_url, "OPEN", **READ | {"settled_through": THURSDAY})
    add_assets(database_url, "RESTS", **READ | {"synced_through": FRIDAY, "ask_after": NOW})
    add_assets(database_url, "OUTSIDE", exchange="LSE", **READ | {"settled_through": THURSDAY})
    assert board.said(expected=EXPECTED) == [
        ("BEHIND.US", "late", "no row of 2026-11-09"),
        ("NEVER.US", "provisional", "not settled"),
        ("OPEN.US", "provisional", "settled through 2026-11-05"),
    ]
    assert board.said() == [], "a run that was to complete nothing has nothing to say of it"


def test_an_asset_that_trades_and_has_no_row_of_the_newest_session_is_late_once(
    board: Board, worker: Worker, database_url: str
) -> None:
    """Also where a suspicion says the same; one that seldom trades is not late."""
    ids = add_assets(database_url, "SELDOM", "TRADES")
    first = {ids[0]: FRIDAY, ids[1]: FRIDAY - timedelta(4)}
    batches = [
        batch_for(lease, bars_from(day, *(1.0 for _ in range((FRIDAY - day).days + 1))))
        for lease in worker.claim()
        for day in [first[lease.asset_id]]
    ]
    worker.commit(*batches, run_id=RUN)
    execute(
        database_url, "UPDATE assets SET synced_through = '2026-11-09', settled_through = last_bar"
    )
    board.note(ids[1], Reason.LATE)
    assert board.said(expected=EXPECTED) == [("TRADES.US", "late", "no row of 2026-11-09")]


def test_suspicions_and_doubted_bars_are_named_by_the_run_that_noted_them(
    board: Board, database_url: str
) -> None:
    (old,) = add_assets(database_url, "OLD", **READ)
    board.note(old, Reason.LEAP)
    execute(database_url, "UPDATE suspicions SET noted_at = now() - interval '1 day'")
    assert board.said() == []
    board.note(old, Reason.LEAP)
    assert board.said() == [], "it is noted already"
    (odd,) = add_assets(database_url, "ODD", **READ)
    for reason in (Reason.ACTION, Reason.LEAP, Reason.REJECTED):
        board.note(odd, reason)
    finding = "'stored bars are still sent', '2026-11-05', '2026-11-06', 2, NULL, 'it is short'"
    execute(database_url, f"INSERT INTO findings VALUES ({odd}, {finding})")  # noqa: S608
    reasons = "2 not sent: it is short; an action was reported late, 2026-11-09; its price leaps"
    assert board.said() == [("ODD.US", "suspected", f"{reasons}, 2026-11-09")]
    board.note(old, Reason.LEAP, MONDAY + timedelta(1))
    assert board.of().counts == {"suspected": 2}, "a later session raises it again"


def test_a_rejected_row_is_named_once_unless_its_bar_came_after_all(
    board: Board, worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    (lease,) = worker.claim()
    rejects = [
        RejectedRow(int(days(FRIDAY)), "date has one bar", "{}"),
        RejectedRow(int(days(MONDAY)), "prices are present", "{}"),
    ]
    worker.commit(batch_for(lease, bars_from(THURSDAY, 1.0), *rejects), run_id=RUN)
    detail = "2026-11-09: prices are present, and 1 more"
    assert board.said() == [("A.US", "rejected", detail)]
    assert board.said(OTHER) == [], "another run wrote it"
    (lease,) = worker.claim(days_old=-1)
    both = bars_from(THURSDAY, *[1.0] * 5).take(slice(0, 5, 4))
    worker.commit(batch_for(reread(lease), both), run_id=RUN)
    assert board.said() == [("A.US", "rejected", "2026-11-06: date has one bar")]
    execute(database_url, "UPDATE rejected_rows SET created_at = now() - interval '1 day'")
    assert board.said() == []


def test_what_the_vendor_withdrew_is_named_with_its_last_date(
    board: Board, worker: Worker, database_url: str
) -> None:
    (asset_id,) = add_assets(database_url, "A")
    (lease,) = worker.claim()
    bars = bars_from(date(2015, 1, 2), *(float(each) for each in range(1, 7)))
    worker.commit(batch_for(lease, bars), run_id=OTHER)
    (lease,) = worker.claim(days_old=-1)
    worker.commit(batch_for(lease, bars.take(np.array([0, 2, 3, 4, 5]))), run_id=RUN)
    assert board.said() == [("A.US", "withdrawn", "bar of 2015-01-03")]
    execute(
        database_url,
        "INSERT INTO split_revisions"  # noqa: S608
        " (asset_id, date, valid_until, numerator, denominator, stored_at, reported_at)"
        f" VALUES ({asset_id}, '2015-01-05', now(), 2, 1, '2015-02-01', '2015-02-01')",
    )
    assert board.said() == [("A.US", "withdrawn", "bar, split of 2015-01-05, and 1 more")]


def test_a_parked_asset_is_named_with_the_reason_of_its_letter(
    board: Board, worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "BAD")
    letter = DeadLetter(
        endpoint="eod",
        request="",
        status=422,
        reason="BAD.US: refused",
        excerpt="",
        body_sha256=None,
    )
    worker.park(worker.claim()[0], letter)
    assert board.said() == [("BAD.US", "parked", "BAD.US: refused")]
    execute(database_url, "UPDATE assets SET parked_at = now() - interval '1 day'")
    assert board.said() == []


def test_of_many_notices_each_reason_has_some_named_and_all_are_counted(
    board: Board, database_url: str
) -> None:
    codes = [f"S{number:03}" for number in range(200)]
    add_assets(database_url, *codes, **READ | {"settled_through": THURSDAY})
    execute(database_url, "UPDATE assets SET parked_at = now() WHERE symbol >= 'S198'")
    found = board.of(expected=EXPECTED)
    assert found.counts == {"parked": 2, "provisional": 198}
    assert [len(found.assets), found.total] == [50, 200]
    named = [(each.reason, each.symbol) for each in found.first(5)]
    expected = [("parked", "S198.US"), ("parked", "S199.US")]
    assert named == expected + [("provisional", f"S00{number}.US") for number in range(3)]
