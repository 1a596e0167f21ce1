"""A worker's own tasks wait for each other's locks, and never in a circle."""

from __future__ import annotations

import asyncio
from datetime import date

import psycopg

from data_nexus.database.store import Due, QueuePosition, open_store
from data_nexus.database.store.batch import Receipt
from tests.support.postgres.tables import add_assets
from tests.support.postgres.workers import ago, bars_from, batch_for

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def done_or_waiting(url: str, task: asyncio.Task[object], waiting: int) -> None:
    """Wait until the task is done, or so many sessions wait for a lock."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while not task.done():
            row = await (await connection.execute(WAITING)).fetchone()
            if row and row[0] >= waiting:
                return
            await asyncio.sleep(0.01)


async def renew_into_a_commit(url: str) -> list[Receipt | None]:
    """Let a renewal begin while one lease is held back, and a commit take those on both sides."""
    async with (
        open_store(url, "public", 2, lease_sec=60) as store,
        await psycopg.AsyncConnection.connect(url) as holder,
    ):
        first, middle, last = await store.leases.claim(Due(ago(1)), QueuePosition(), 3)
        await holder.execute("SELECT FROM assets WHERE id = %s FOR UPDATE", [middle.asset_id])
        renewing: asyncio.Task[object] = asyncio.create_task(store.leases.renew())
        await done_or_waiting(url, renewing, 1)
        batches = [batch_for(lease, bars_from(date(2024, 1, 2), 1.0)) for lease in (first, last)]
        committing = asyncio.create_task(store.commits.commit(batches, None))
        await done_or_waiting(url, committing, 2)
        await holder.commit()
        _, receipts = await asyncio.gather(renewing, committing)
        return receipts


def test_a_renewal_and_a_commit_never_lock_each_other_out(database_url: str) -> None:
    """The queue hands out in the order of answers, a commit locks in the order of ids."""
    add_assets(database_url, "A", last_synced=ago(2))
    add_assets(database_url, "B", last_synced=ago(3))
    add_assets(database_url, "C", last_synced=ago(4))
    receipts = asyncio.run(renew_into_a_commit(database_url))
    assert receipts == [Receipt(1, 0, 0, 0)] * 2
