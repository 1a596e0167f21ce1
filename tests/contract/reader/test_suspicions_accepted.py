"""What is suspected is listed, and accepted by a person: the same session raises it no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

import data_nexus as nexus
from data_nexus.database.store import Due, Store, open_store
from data_nexus.domain.adjustment.findings import ADJUSTED_CLOSE_IS_EXPLAINED
from data_nexus.domain.planning.suspicion import (
    ACCEPTABLE,
    Reason,
    SettledSuspicion,
    Suspicion,
)
from data_nexus.errors import UsageError
from tests.support.postgres.tables import add_assets, execute, rows
from tests.support.postgres.workers import Worker, bars_from, batch_for, reread

MONDAY, FRIDAY = date(2026, 11, 9), date(2026, 11, 13)
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=8)
STATE = (
    "SELECT reason, session, times, read_after::text, accepted_at IS NOT NULL FROM suspicions"
    " ORDER BY reason"
)
ACCEPTED = (Reason.LEAP, MONDAY, 0, "infinity", True)


@dataclass(frozen=True)
class Doubts:
    """A database with one loaded asset, AAPL.US, whose price leapt on Monday."""

    url: str
    asset_id: int
    store: Store
    runner: asyncio.Runner

    def note(self, *suspicions: tuple[Reason, date]) -> None:
        found = [Suspicion(self.asset_id, reason, day, NOW) for reason, day in suspicions]
        self.runner.run(self.store.suspicions.note(found))

    def counts(self) -> dict[str, int]:
        return self.runner.run(self.store.suspicions.counts(None, LATER))

    def accept(self, reason: str | None = None) -> int:
        with nexus.connect(self.url) as db:
            return db.accept_suspicions("AAPL.US", reason)

    def note_unexplained(self) -> None:
        since = MONDAY - timedelta(days=30)
        self.runner.run(self.store.suspicions.note_unexplained(since, NOW))


@pytest.fixture
def doubts(database_url: str) -> Iterator[Doubts]:
    (asset_id,) = add_assets(database_url, "AAPL", last_bar=FRIDAY, synced_through=FRIDAY)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        store = runner.run(stack.enter_async_context(open_store(database_url, "public", 2, 60)))
        try:
            doubts = Doubts(database_url, asset_id, store, runner)
            doubts.note((Reason.LEAP, MONDAY))
            yield doubts
        finally:
            runner.run(stack.aclose())


def test_what_is_open_is_listed_with_its_next_reading(doubts: Doubts) -> None:
    add_assets(doubts.url, "VOD", exchange="LSE")
    execute(
        doubts.url,
        "INSERT INTO suspicions (asset_id, reason, session, times, read_after)"
        " SELECT id, 'its price leaps', '2026-10-01', 6, 'infinity' FROM assets"
        " WHERE symbol = 'VOD'",
    )
    with nexus.connect(doubts.url) as db:
        found = db.suspicions()
        assert found.column("ticker").to_pylist() == ["AAPL.US", "VOD.LSE"]
        assert found.column("reason").to_pylist() == [Reason.LEAP, Reason.LEAP]
        assert found.column("session").to_pylist() == [MONDAY, date(2026, 10, 1)]
        assert found.column("times").to_pylist() == [0, 6]
        assert found.column("read_after").to_pylist() == [NOW, None]
        assert db.suspicions("LSE").num_rows == 1
        assert db.suspicions(accepted=True).num_rows == 0
        assert db.accept_suspicions(["AAPL.US", "VOD.LSE"]) == 2
        assert db.suspicions().num_rows == 0
        assert None not in db.suspicions(accepted=True).column("accepted_at").to_pylist()


def test_what_is_accepted_is_not_read_again(doubts: Doubts) -> None:
    assert doubts.counts() == {"US": 1}
    assert doubts.accept() == 1
    assert rows(doubts.url, STATE) == [ACCEPTED]
    assert doubts.counts() == {}
    assert doubts.accept() == 0, "it is not open any more"


def test_one_reason_is_accepted_and_the_others_stay_open(doubts: Doubts) -> None:
    doubts.note((Reason.UNSENT, MONDAY))
    assert doubts.accept(Reason.LEAP) == 1
    assert doubts.counts() == {"US": 1}
    unsent = (Reason.UNSENT, MONDAY, 0, str(NOW).replace("+00:00", "+00"), False)
    assert rows(doubts.url, STATE) == [unsent, ACCEPTED]


def test_only_a_later_session_raises_it_again(doubts: Doubts) -> None:
    doubts.accept()
    doubts.note((Reason.LEAP, MONDAY), (Reason.LEAP, MONDAY - timedelta(7)))
    assert rows(doubts.url, STATE) == [ACCEPTED]
    doubts.note((Reason.LEAP, FRIDAY))
    assert doubts.counts() == {"US": 1}
    assert [row[:2] + row[4:] for row in rows(doubts.url, STATE)] == [(Reason.LEAP, FRIDAY, False)]


@pytest.mark.parametrize("is_ended", [True, False], ids=["ends it", "puts it off"])
def test_no_answer_touches_what_is_accepted(
    doubts: Doubts,
    worker: Worker,
    is_ended: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """What is forgotten would be noted again by the next look at the same session."""
    doubts.accept()
    (lease,) = worker.claim(days_old=-1)
    settled = SettledSuspicion(lease.asset_id, Reason.LEAP, is_ended, LATER)
    batch = batch_for(reread(lease), bars_from(MONDAY, 1.0, 2.0))
    assert worker.commit(replace(batch, settled=(settled,))) != [None]
    assert rows(doubts.url, STATE) == [ACCEPTED]


def test_an_accepted_finding_returns_only_with_a_later_action_in_doubt(doubts: Doubts) -> None:
    def found_through(day: date) -> None:
        execute(
            doubts.url,
            "DELETE FROM findings",
            f"INSERT INTO findings VALUES ({doubts.asset_id}, '{ADJUSTED_CLOSE_IS_EXPLAINED}',"  # noqa: S608
            f" '2026-01-02', '{day}', 9, NULL, '')",
        )
        doubts.note_unexplained()

    def open_session() -> list[object]:
        kept = "SELECT session FROM suspicions WHERE reason = %s AND accepted_at IS NULL"
        return [row[0] for row in rows(doubts.url, kept, Reason.UNEXPLAINED)]

    found_through(MONDAY)
    assert open_session() == [MONDAY]
    assert doubts.accept(Reason.UNEXPLAINED) == 1
    found_through(MONDAY)
    assert open_session() == [], "the same bars"
    found_through(FRIDAY)
    assert open_session() == [], "all bars to the last one: nothing new is in doubt"
    found_through(FRIDAY - timedelta(days=1))
    assert open_session() == [FRIDAY - timedelta(days=1)]


def test_unknown_symbols_and_reasons_are_named(doubts: Doubts) -> None:
    with nexus.connect(doubts.url) as db:
        with pytest.raises(
            UsageError, match=r"MSFT\.US is not in the database; run: nexus discover"
        ):
            db.accept_suspicions(["AAPL.US", "MSFT.US"])
        with pytest.raises(UsageError, match=r"not a reason .*: 'leap'; .*'its price leaps'"):
            db.accept_suspicions("AAPL.US", "leap")
    assert doubts.counts() == {"US": 1}


def test_an_asset_with_another_doubt_is_still_claimed(doubts: Doubts, worker: Worker) -> None:
    doubts.note((Reason.UNSENT, MONDAY))
    doubts.accept(Reason.LEAP)
    (lease,) = worker.claim_by(Due(LATER, is_suspected=True))
    assert lease.asset_id == doubts.asset_id
    noted = doubts.runner.run(doubts.store.suspicions.of_asset(lease.asset_id, LATER))
    assert [each.reason for each in noted] == [Reason.UNSENT]


@pytest.mark.parametrize("reason", sorted({*Reason} - {*ACCEPTABLE}))
def test_what_only_the_next_answers_decide_stays_open(doubts: Doubts, reason: Reason) -> None:
    doubts.note((reason, MONDAY))
    with nexus.connect(doubts.url) as db, pytest.raises(UsageError, match="nexus repair"):
        db.accept_suspicions("AAPL.US", reason)
    assert doubts.accept() == 1
    kept = "SELECT reason FROM suspicions WHERE accepted_at IS NULL"
    assert rows(doubts.url, kept) == [(reason,)]
    assert doubts.counts() == {"US": 1}
