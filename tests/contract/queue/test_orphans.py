"""A worker that died leaves leases behind; they are freed at once, and only those."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import LiteralString

import psycopg

from data_nexus.database.store import Due, QueuePosition, open_store
from data_nexus.domain.planning.lease import Lease
from data_nexus.ingestion.histories.queue import LeaseQueue
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, eventually, rows, value
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for, worker_on

LIFE_SIGNS: LiteralString = (
    "SELECT count(*) FROM pg_locks"
    " WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = %s"
)


def ids(leases: list[Lease]) -> list[int]:
    return [lease.asset_id for lease in leases]


def abandoned(url: str, limit: int, *, suspect: bool = False) -> list[Lease]:
    """Leases whose worker has left, and whose server session has ended too."""
    with worker_on(url) as dead:
        leases = dead.claim(limit, suspect=suspect)
    eventually(lambda: value(url, LIFE_SIGNS, dead.store.leases.owner) == 0)
    return leases


def test_only_leases_of_workers_that_have_left_are_freed(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A", "B", "C", "D", "E")
    left = abandoned(database_url, 2)
    with worker_on(database_url) as alive:
        held = [*alive.claim(2), *worker.claim(1)]
        assert sorted(worker.free_lost_leases()) == ids(left)
        assert worker.free_lost_leases() == []
        still_held = "SELECT id FROM assets WHERE lease_owner IS NOT NULL ORDER BY id"
        assert [row[0] for row in rows(database_url, still_held)] == ids(held)
        assert ids(worker.claim(suspect=True)) == ids(left)


def test_a_worker_whose_sign_of_life_was_cut_writes_nothing_any_more(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    with worker_on(database_url) as cut:
        (lease,) = cut.claim()
        cut_off = LIFE_SIGNS.replace("count(*)", "pg_terminate_backend(pid, 10000)")
        assert rows(database_url, cut_off, cut.store.leases.owner) == [(True,)]
        assert worker.free_lost_leases() == [lease.asset_id]
        assert cut.commit(batch_for(lease, bars_from(date(2024, 1, 2), 1.0))) == [None]
    assert value(database_url, "SELECT count(*) FROM market_data") == 0


def test_a_lock_in_another_database_is_no_sign_of_life(
    worker: Worker, database_url: str, cluster: Cluster
) -> None:
    add_assets(database_url, "A", lease_owner=77, lease_until="9999-12-31")
    with psycopg.connect(cluster.url) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(77)")
        assert len(worker.free_lost_leases()) == 1


def test_a_queue_takes_over_all_that_a_worker_held_which_leaves_meanwhile(
    database_url: str,
) -> None:
    assets = add_assets(database_url, *(f"S{n}" for n in range(101)))

    async def walk() -> tuple[list[Lease], list[Lease]]:
        async with open_store(database_url, "public", 2, lease_sec=60) as store:
            queue = LeaseQueue(store, Due(ago(1)), limit=None)
            async with open_store(database_url, "public", 1, lease_sec=60) as leaving:
                await leaving.leases.claim(Due(ago(1)), QueuePosition(), 100)
                found = [lease async for lease in leases(queue.next)]
            eventually(lambda: value(database_url, LIFE_SIGNS, leaving.leases.owner) == 0)
            await store.leases.free_lost()
            return found, [lease async for lease in leases(queue.next_suspect)]

    found, taken_over = asyncio.run(walk())
    assert (ids(found), ids(taken_over)) == (assets[-1:], assets[:-1])


async def leases(ask: Callable[[], Awaitable[Lease | None]]) -> AsyncIterator[Lease]:
    """Every lease that a queue hands out."""
    while lease := await ask():
        yield lease


def test_rescues_in_a_row_are_counted_until_an_answer_is_settled(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    for suspect in (False, True):
        abandoned(database_url, 1, suspect=suspect)
        worker.free_lost_leases()
    (lease,) = worker.claim(suspect=True)
    assert value(database_url, "SELECT times_rescued FROM assets") == 2
    worker.commit(batch_for(lease))
    assert value(database_url, "SELECT times_rescued FROM assets") == 0


def test_an_asset_that_failed_is_no_suspect_any_more(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    abandoned(database_url, 1)
    worker.release(worker.take_over(), failed=True)
    assert value(database_url, "SELECT times_rescued FROM assets") == 0
    assert len(worker.claim()) == 1


def test_an_asset_given_back_unasked_stays_a_suspect(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    abandoned(database_url, 1)
    worker.release(worker.take_over())
    assert worker.claim() == []
    assert len(worker.claim(suspect=True)) == 1


def test_an_asset_rescued_three_times_in_a_row_is_parked(worker: Worker, database_url: str) -> None:
    lost, _ = add_assets(database_url, "LOST", "OTHER")
    state = "SELECT times_rescued, parked_at IS NOT NULL, lease_owner FROM assets WHERE symbol = %s"
    for times in (1, 2, 3):
        assert ids(abandoned(database_url, 1, suspect=times > 1)) == [lost]
        assert worker.free_lost_leases() == [lost]
        assert rows(database_url, state, "LOST") == [(times, times == 3, None)]
    assert worker.free_lost_leases() == []
    assert worker.claim(suspect=True) == []
    letters = rows(database_url, "SELECT asset_id, endpoint, reason, count FROM dead_letters")
    assert letters == [
        (lost, "eod", "its worker ended 3 times in a row while it held the asset", 1)
    ]
    assert rows(database_url, state, "OTHER") == [(0, False, None)]


def test_a_run_whose_process_was_lost_is_closed_by_the_next(
    worker: Worker, database_url: str
) -> None:
    with worker_on(database_url) as dead:
        dead.start_run("backfill")
    eventually(lambda: value(database_url, LIFE_SIGNS, dead.store.leases.owner) == 0)
    with worker_on(database_url) as alive:
        alive.start_run("worker")
        worker.start_run("backfill")
        runs = "SELECT command, outcome, finished_at IS NULL FROM runs ORDER BY id"
        assert rows(database_url, runs) == [
            ("backfill", "lost: its process ended", False),
            ("worker", "running", True),
            ("backfill", "running", True),
        ]
