"""The queue hands out what is due, oldest first, and each asset to one worker at a time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain
from typing import Any

import pytest

from data_nexus.database.store import Due, QueuePosition, Store, open_store
from data_nexus.database.store.batch import RejectedRow
from data_nexus.domain.bars import NO_BARS
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.postgres.workers import (
    Worker,
    ago,
    bars_from,
    batch_for,
    worker_on,
)


def codes(leases: list[Lease]) -> list[str]:
    return [lease.symbol.code for lease in leases]


def test_the_never_answered_come_first_and_then_the_oldest_answer(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "NEW1", "NEW2")
    add_assets(database_url, "THREE", last_synced=ago(3))
    add_assets(database_url, "NINE", last_synced=ago(9))
    add_assets(database_url, "FIVE", last_synced=ago(5))
    add_assets(database_url, "NEW3")
    position = QueuePosition()
    found = [codes(worker.claim(2, position=position)) for _ in range(3)]
    assert found == [["NEW1", "NEW2"], ["NEW3", "NINE"], ["FIVE", "THREE"]]


def test_a_claim_takes_no_more_than_its_limit_and_the_next_goes_on(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A", "B", "C", "D", "E", last_synced=ago(3))
    position = QueuePosition()
    found = [codes(worker.claim(2, position=position)) for _ in range(4)]
    assert found == [["A", "B"], ["C", "D"], ["E"], []]


def test_a_position_is_passed_once_and_a_new_walk_begins_at_the_front(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A", "B", "C")
    position = QueuePosition()
    worker.release(worker.claim(2, position=position), failed=True)
    assert codes(worker.claim(position=position)) == ["C"]
    assert codes(worker.claim()) == ["A", "B"]


def test_a_lease_tells_what_is_known_of_its_asset(worker: Worker, database_url: str) -> None:
    cursor = date(2024, 5, 6)
    known: dict[str, Any] = {
        "synced_through": cursor,
        "last_bar": cursor,
        "times_empty": 3,
        "fence": 7,
    }
    old, new = add_assets(database_url, "OLD", "NEW", **known)
    execute(
        database_url,
        "UPDATE assets SET synced_through = NULL, last_bar = NULL WHERE symbol = 'NEW'",
    )
    before = time.monotonic()
    claimed = worker.claim()
    # The worker, whose leases hold for 60 s, distrusts them before the database does.
    assert all(before < lease.trusted_until < before + 60 for lease in claimed)
    forever = [replace(lease, trusted_until=float("inf")) for lease in claimed]
    assert forever == [
        Lease(old, Symbol("OLD", "US"), 8, cursor, 3, is_first=False, last_bar=cursor),
        Lease(new, Symbol("NEW", "US"), 8, None, 3, is_first=True),
    ]


def test_a_load_is_the_first_until_a_bar_is_stored(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    (lease,) = worker.claim()
    worker.commit(batch_for(lease, NO_BARS, RejectedRow(19_724, "rule", "x")))
    (lease,) = worker.claim(days_old=0)
    assert lease.is_first
    worker.commit(batch_for(lease, bars_from(date(2024, 1, 2), 10.0)))
    assert [lease.is_first for lease in worker.claim(days_old=0)] == [False]


@pytest.mark.parametrize(
    "columns",
    [
        {"is_active": False},
        {"parked_at": ago(1)},
        {"retired_at": ago(1)},
        {"last_synced": ago(0.5)},
        {"ask_after": ago(-1)},
        {"is_delisted": True, "last_synced": ago(900)},
        {"lease_owner": 1, "lease_until": ago(-1)},
        pytest.param({"lease_owner": 1, "lease_until": ago(1)}, id="expired but not freed"),
    ],
    ids=" ".join,
)
def test_what_is_not_due_is_never_handed_out(
    worker: Worker, database_url: str, columns: dict[str, Any]
) -> None:
    add_assets(database_url, "REST", **columns)
    assert (worker.count_due(), worker.claim(), worker.claim(suspect=True)) == (0, [], [])


@pytest.mark.parametrize(
    "columns",
    [
        {"last_synced": ago(1.5)},
        {"is_delisted": True},
        {"times_failed": 30_000},
    ],
    ids=" ".join,
)
def test_what_is_due_is_handed_out(
    worker: Worker, database_url: str, columns: dict[str, Any]
) -> None:
    add_assets(database_url, "DUE", **columns)
    assert (worker.count_due(), codes(worker.claim())) == (1, ["DUE"])


def test_an_expired_lease_is_due_once_it_is_freed_and_is_claimed_apart(
    worker: Worker, database_url: str
) -> None:
    (lost,) = add_assets(database_url, "LOST", lease_owner=1, lease_until=ago(1e-6))
    add_assets(database_url, "OTHER")
    assert worker.free_lost_leases() == [lost]
    assert worker.count_due() == 2
    assert codes(worker.claim()) == ["OTHER"]
    assert codes(worker.claim(suspect=True)) == ["LOST"]


def test_an_absent_asset_is_due_again_once_it_may_be_asked_for(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "PAST", ask_after=ago(0.1), times_empty=2)
    add_assets(database_url, "FUTURE", ask_after=ago(-0.1))
    assert worker.claim() == []
    worker.requeue_absent()
    assert codes(worker.claim()) == ["PAST"]
    assert value(database_url, "SELECT times_empty FROM assets WHERE symbol = 'PAST'") == 2


def test_the_time_of_an_absence_counts_from_the_run_s_own_moment(
    worker: Worker, database_url: str
) -> None:
    """The next night's run begins a day after this one's, not a day after the answer."""
    add_assets(database_url, "A")
    (lease,) = worker.claim()
    night = ago(300)
    worker.commit(replace(batch_for(lease), moment=night, absent_days=1.0))
    worker.requeue_absent(night + timedelta(hours=23))
    assert worker.claim() == []
    worker.requeue_absent(night + timedelta(days=1))
    assert codes(worker.claim()) == ["A"]


def test_due_is_what_was_answered_longer_ago_than_asked_for(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A", last_synced=ago(2))
    assert worker.claim(days_old=2.1) == []
    assert codes(worker.claim(days_old=1.9)) == ["A"]


def test_a_run_may_ask_for_one_exchange_or_for_some_assets(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A", "B", exchange="LSE")
    _, chosen = add_assets(database_url, "A", "B")
    assert [str(lease.symbol) for lease in worker.claim(exchange="LSE")] == ["A.LSE", "B.LSE"]
    assert [str(lease.symbol) for lease in worker.claim(ids=[chosen])] == ["B.US"]
    assert [str(lease.symbol) for lease in worker.claim()] == ["A.US"]


def test_a_held_lease_is_nobody_else_s_until_it_expires(database_url: str) -> None:
    add_assets(database_url, "A")
    with worker_on(database_url) as first, worker_on(database_url) as second:
        (held,) = first.claim()
        assert (second.claim(), second.take_over()) == ([], [])
        execute(database_url, "UPDATE assets SET lease_until = now() - interval '1 second'")
        (taken,) = second.take_over()
    assert (taken.asset_id, taken.fence) == (held.asset_id, held.fence + 1)
    assert rows(database_url, "SELECT lease_owner, times_rescued FROM assets") == [
        (second.store.leases.owner, 1)
    ]


def test_a_renewed_lease_holds_longer_and_an_expired_one_of_ours_too(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A", "B")
    worker.claim()
    execute(database_url, "UPDATE assets SET lease_until = now() + interval '1 second'")
    worker.renew()
    until = rows(database_url, "SELECT lease_until - now() > interval '50 s' FROM assets")
    assert until == [(True,), (True,)]


def test_a_released_asset_is_due_again_and_a_failure_is_counted(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    worker.release(worker.claim())
    assert value(database_url, "SELECT times_failed FROM assets") == 0
    worker.release(worker.claim(), failed=True)
    assert rows(
        database_url, "SELECT times_failed, lease_owner, lease_until, last_synced FROM assets"
    ) == [(1, None, None, None)]
    assert codes(worker.claim()) == ["A"]


def test_a_stale_lease_gives_nothing_back(database_url: str) -> None:
    add_assets(database_url, "A")
    with worker_on(database_url) as first, worker_on(database_url) as second:
        stale = first.claim()
        execute(database_url, "UPDATE assets SET lease_until = now() - interval '1 second'")
        assert codes(second.take_over()) == ["A"]
        first.release(stale, failed=True)
        assert rows(database_url, "SELECT lease_owner, times_failed FROM assets") == [
            (second.store.leases.owner, 0)
        ]


def test_a_lease_that_its_own_worker_claimed_again_gives_nothing_back(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    stale = worker.claim()
    execute(database_url, "UPDATE assets SET lease_until = now() - interval '1 second'")
    assert codes(worker.take_over()) == ["A"]
    worker.release(stale, failed=True)
    held = "SELECT lease_owner, times_failed FROM assets"
    assert rows(database_url, held) == [(worker.store.leases.owner, 0)]


def test_workers_that_claim_at_the_same_time_share_no_asset(database_url: str) -> None:
    execute(
        database_url,
        "INSERT INTO assets (symbol, exchange)"
        " SELECT 'S' || n, 'US' FROM generate_series(1, 800) n",
    )

    async def walk(store: Store) -> list[int]:
        position, found = QueuePosition(), []
        while leases := await store.leases.claim(Due(ago(1)), position, 9):
            found += [lease.asset_id for lease in leases]
        return found

    async def race() -> list[list[int]]:
        async with (
            open_store(database_url, "public", 1, 60) as first,
            open_store(database_url, "public", 1, 60) as second,
            open_store(database_url, "public", 1, 60) as third,
        ):
            return list(await asyncio.gather(walk(first), walk(second), walk(third)))

    walks = asyncio.run(race())
    assert all(walks), "all of them took part"
    assert sorted(chain(*walks)) == list(range(1, 801))
    assert rows(database_url, "SELECT DISTINCT fence FROM assets") == [(1,)]


def test_a_run_takes_no_more_than_its_limit_by_both_ways_together(
    worker: Worker, database_url: str
) -> None:
    """Suspects of a crashed run appear while the claimed leases of this one are handed out."""
    add_assets(database_url, "A", "B", "C")
    add_assets(database_url, "LOST", "GONE", times_rescued=1)
    found = worker.walk(3, "dsds")
    assert [lease and lease.symbol.code for lease in found] == ["A", None, "B", None]
    worker.release([lease for lease in found if lease])
    found = worker.walk(2, "sdsd")
    assert [lease and lease.symbol.code for lease in found] == ["LOST", "A", None, None]


def test_suspects_count_towards_the_limit(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "LOST", "GONE", times_rescued=1)
    assert [lease and lease.symbol.code for lease in worker.walk(1, "ss")] == ["LOST", None]
