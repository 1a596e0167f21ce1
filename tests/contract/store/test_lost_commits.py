"""A session that ends within a commit leaves nothing; at its end, it did all or nothing.

A COMMIT whose answer never came was done or was not, and nobody has to guess.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import LiteralString

import pytest

from data_nexus.config import Secret
from data_nexus.database.store import Due, QueuePosition, open_store
from data_nexus.database.store.batch import Batch, Receipt, RejectedRow
from data_nexus.errors import StorageUnavailable
from data_nexus.events import ignore
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from tests.support.postgres.database import Cluster
from tests.support.postgres.postgres_proxy import Fate, proxy_before
from tests.support.postgres.tables import add_assets, execute, rows, snapshot
from tests.support.postgres.workers import ago, bars_from, batch_for, worker_on

DAY = date(2024, 1, 2)
BARS = bars_from(DAY, 1.0, 2.0, 3.0)


async def commit_through_a_cut(url: str, fate: Fate) -> list[Receipt | None]:
    """Claim all assets and commit the same bars for each; the session is cut at COMMIT."""
    async with (
        proxy_before(url) as proxy,
        open_store(proxy.url, "public", 1, lease_sec=60) as store,
    ):
        leases = await store.leases.claim(Due(ago(1)), QueuePosition(), 10)
        batches: list[Batch] = [
            batch_for(lease, BARS, RejectedRow(19_724, "rule", "x")) for lease in leases
        ]
        proxy.fate = fate
        try:
            return await store.commits.commit(batches, None)
        finally:
            assert proxy.struck == 1


def contents(url: str) -> tuple[int, ...]:
    """How many bars, rejects, log entries and loaded assets there are."""
    counts = rows(
        url,
        "SELECT (SELECT count(*) FROM market_data), (SELECT count(*) FROM rejected_rows),"
        " (SELECT count(*) FROM sync_log),"
        " (SELECT count(*) FROM assets WHERE last_synced IS NOT NULL AND lease_owner IS NULL)",
    )
    return counts[0]


def test_a_commit_that_the_server_did_counts_as_done(database_url: str) -> None:
    add_assets(database_url, "A", "B")
    receipts = asyncio.run(commit_through_a_cut(database_url, Fate.DONE))
    assert receipts == [Receipt(3, 0, 0, 1)] * 2
    assert contents(database_url) == (6, 2, 2, 2)


def test_a_commit_that_never_arrived_left_nothing_and_is_done_again(database_url: str) -> None:
    add_assets(database_url, "A", "B")
    receipts = asyncio.run(commit_through_a_cut(database_url, Fate.LOST))
    assert receipts == [Receipt(3, 0, 0, 1)] * 2
    assert contents(database_url) == (6, 2, 2, 2)


@pytest.fixture
def slow_url(database_url: str) -> str:
    """A database that stays at each COMMIT for a while, whether its client is there or not."""
    execute(
        database_url,
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON sync_log"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()",
    )
    return database_url


def test_a_commit_under_way_is_waited_for(slow_url: str) -> None:
    add_assets(slow_url, "A", "B")
    receipts = asyncio.run(commit_through_a_cut(slow_url, Fate.PENDING))
    assert receipts == [Receipt(3, 0, 0, 1)] * 2


def test_a_commit_under_way_is_neither_double_nor_lost(slow_url: str) -> None:
    """Whatever its cut client makes of it, a successor waits for its locks and finds it done."""
    add_assets(slow_url, "A", "B")
    with suppress(StorageUnavailable):
        asyncio.run(commit_through_a_cut(slow_url, Fate.PENDING))
    with worker_on(slow_url) as successor:
        assert successor.free_lost_leases() == []
        assert (successor.claim(), successor.claim(suspect=True)) == ([], [])
    assert contents(slow_url) == (6, 2, 2, 2)


EVENTS: tuple[LiteralString, ...] = (
    "INSERT ON market_data",
    "INSERT ON rejected_rows",
    "INSERT ON sync_log",
    "UPDATE ON assets",
    "INSERT ON market_data_revisions",
    "DELETE ON market_data",
)


def assert_cut_leaves_nothing(url: str, event: LiteralString) -> None:
    """Have the session of a commit cut at each of its attempts; the next commit works."""
    with worker_on(url) as worker:
        add_assets(url, "A")
        worker.commit(batch_for(worker.claim()[0], bars_from(DAY - timedelta(1), 5.0, 1.0)))
        (lease,) = worker.claim(days_old=0)
        execute(
            url,
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
            f"CREATE TRIGGER cut AFTER {event} EXECUTE FUNCTION cut()",
        )
        before = snapshot(url)
        batch = batch_for(lease, bars_from(DAY, 7.0, 8.0), RejectedRow(20_000, "rule", "x"))
        with pytest.raises(StorageUnavailable):
            worker.commit(batch)
        assert snapshot(url) == before, event
        execute(url, "DROP FUNCTION cut CASCADE")
        assert worker.commit(batch) == [Receipt(1, 1, 0, 1, withdrawn=1)], event


def test_a_session_cut_at_any_statement_leaves_nothing_and_the_next_one_works(
    cluster: Cluster,
) -> None:
    """Each in a database of its own, at the same time: a worker mostly waits to try again."""
    with ExitStack() as stack, ThreadPoolExecutor(len(EVENTS)) as threads:
        urls = [stack.enter_context(cluster.fresh_database()) for _ in EVENTS]
        for _ in threads.map(assert_cut_leaves_nothing, urls, EVENTS):
            pass


@pytest.mark.parametrize(("fate", "spent"), [(Fate.DONE, 1), (Fate.LOST, 2)])
def test_calls_given_back_through_a_cut_are_given_back_once_or_not(
    database_url: str, fate: Fate, spent: int
) -> None:
    """Twice would let the day be overspent; not at all only costs a call."""

    async def give_back() -> None:
        async with (
            proxy_before(database_url) as proxy,
            open_store(proxy.url, "public", 1, lease_sec=60) as store,
        ):
            ledger = Ledger(store.quota(Secret("a.token")), ignore)
            slots = [await ledger.admit(100) for _ in range(2)]
            await store.quota(Secret("a.token")).change(lambda q, _: (replace(q, spent=2), None))
            proxy.fate = fate
            await ledger.refund(replace(slots[0], calls=1))
            assert proxy.struck == 1

    asyncio.run(give_back())
    assert rows(database_url, "SELECT spent FROM quota_ledger") == [(spent,)]
