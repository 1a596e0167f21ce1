"""Passing troubles of the database undo a transaction; it is done again, and done once."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import date
from typing import LiteralString

import psycopg
import pytest
from psycopg.errors import CheckViolation
from sqlalchemy import Date, DateTime

from data_nexus.database.connection import repeated
from data_nexus.database.models import Tables
from data_nexus.database.queries import query
from data_nexus.database.store import Due, QueuePosition, Store, open_store
from data_nexus.database.store.batch import Receipt
from data_nexus.errors import StorageDamaged, StorageUnavailable
from tests.support.postgres.statement_proxy import Cut, Place, proxy_that_cuts
from tests.support.postgres.tables import add_assets, eventually, execute, rows, value
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for, worker_on

BARS = bars_from(date(2024, 1, 2), 1.0, 2.0)
WAITING: LiteralString = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'data-nexus engine' AND wait_event_type = 'Lock'"
)


def test_a_commit_that_met_a_lock_for_too_long_is_done_again(
    worker: Worker, database_url: str
) -> None:
    add_assets(database_url, "A")
    execute(database_url, "ALTER TABLE market_data SET (autovacuum_enabled = off)")
    (lease,) = worker.claim()
    operator = psycopg.connect(database_url)
    operator.execute("LOCK market_data IN EXCLUSIVE MODE")
    cut = WAITING.replace("count(*)", "pg_cancel_backend(pid)")

    def disturb() -> None:
        """Cancel the first try, as a timeout does, and let go of the lock."""
        eventually(lambda: value(database_url, WAITING))
        rows(database_url, cut)
        operator.rollback()

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    receipts = worker.commit(batch_for(lease, BARS))
    disturbing.join()
    operator.close()
    assert receipts == [Receipt(2, 0, 0, 0)]
    counts = "SELECT (SELECT count(*) FROM market_data), (SELECT count(*) FROM sync_log)"
    assert rows(database_url, counts) == [(2, 1)]


def test_two_commits_that_lock_each_other_out_are_both_done(database_url: str) -> None:
    """A trigger takes two locks in the order that the first asset of each group asks for."""
    assert add_assets(database_url, "A", "B") == [1, 2]
    execute(
        database_url,
        "CREATE FUNCTION lock_crosswise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_advisory_xact_lock(new.asset_id); PERFORM pg_sleep(0.3);"
        " PERFORM pg_advisory_xact_lock(3 - new.asset_id); RETURN NEW; END $$",
        "CREATE TRIGGER lock_crosswise BEFORE INSERT ON sync_log"
        " FOR EACH ROW EXECUTE FUNCTION lock_crosswise()",
    )

    async def commit_both() -> list[list[Receipt | None]]:
        async with open_store(database_url, "public", 2, lease_sec=60) as store:
            leases = await store.leases.claim(Due(ago(1)), QueuePosition(), 2)
            each = (store.commits.commit([batch_for(lease, BARS)], None) for lease in leases)
            return list(await asyncio.gather(*each))

    assert asyncio.run(commit_both()) == [[Receipt(2, 0, 0, 0)]] * 2
    assert value(database_url, "SELECT count(*) FROM sync_log") == 2


def test_what_does_not_pass_is_not_repeated() -> None:
    times = 0

    async def fail() -> None:
        nonlocal times
        times += 1
        raise StorageUnavailable("gone")

    with pytest.raises(StorageUnavailable):
        asyncio.run(repeated(fail))
    assert times == 1


@pytest.mark.parametrize("column", ["last_bar", "last_synced"])
def test_a_stored_date_that_python_lacks_ends_with_a_sentence(
    worker: Worker, database_url: str, column: str
) -> None:
    execute(
        database_url,
        "ALTER TABLE assets DROP CONSTRAINT dates_are_readable,"
        " DROP CONSTRAINT moments_are_readable",
    )
    add_assets(database_url, "A", **{column: "-infinity"})
    with pytest.raises(StorageDamaged, match=r"a stored date is infinite .* correct it by SQL"):
        worker.claim()


def test_no_table_takes_a_moment_or_date_that_cannot_be_read(database_url: str) -> None:
    """But the one column in which infinity means: not again."""
    add_assets(database_url, "A")
    columns = [
        (table.name, column.name)
        for table in Tables.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, (Date, DateTime))
    ]
    assert len(columns) > 50
    checked = (
        "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass"
        " AND pg_get_constraintdef(oid) ~ ('\\m' || %s || '\\M')"
        " AND conname IN ('dates_are_readable', 'moments_are_readable')"
    )
    unchecked = [each for each in columns if value(database_url, checked, *each) != 1]
    assert unchecked == [("suspicions", "read_after")]
    with pytest.raises(CheckViolation, match="moments_are_readable"):
        execute(database_url, "INSERT INTO runs (command, started_at) VALUES ('x', 'infinity')")


def test_a_worker_notices_at_once_that_its_sign_of_life_is_gone(database_url: str) -> None:
    async def watch() -> float:
        async with open_store(database_url, "public", 1, lease_sec=60) as store:
            watching = asyncio.create_task(store.leases.watch())
            await asyncio.sleep(0.1)
            assert not watching.done()
            begun = time.monotonic()
            await asyncio.to_thread(cut_presence, database_url, store)
            with pytest.raises(StorageUnavailable):
                await watching
            return time.monotonic() - begun

    assert asyncio.run(watch()) < 5


def cut_presence(url: str, store: Store) -> None:
    """End the session that holds the worker's advisory lock."""
    cut = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks"
        " WHERE locktype = 'advisory' AND (classid::bigint << 32 | objid::bigint) = %s"
    )
    assert rows(url, cut, store.leases.owner) == [(True,)]


def test_leases_that_a_worker_does_not_know_of_run_out(worker: Worker, database_url: str) -> None:
    """A claim whose answer never came must not be renewed for ever."""
    add_assets(database_url, "A", "B")
    known = worker.claim(1)
    rows(
        database_url,
        "UPDATE assets SET lease_owner = %s, lease_until = now() + interval '1 second'",
        worker.store.leases.owner,
    )
    worker.renew()
    renewed = "SELECT id FROM assets WHERE lease_until > now() + interval '50 seconds'"
    assert rows(database_url, renewed) == [(known[0].asset_id,)]


def test_a_claim_whose_answer_is_lost_leaves_no_asset_waiting(database_url: str) -> None:
    """The server has leased them to a worker that does not know which they are."""
    asset_ids = add_assets(database_url, "A", "B")
    claim = query("claim_due").decode().partition("\n")[0]
    cut = Place(1, Cut.AFTER, claim)
    with proxy_that_cuts(database_url, cut) as proxy, worker_on(proxy.url) as worker:
        claimed = worker.claim()
        assert proxy.has_struck
    assert [(lease.asset_id, lease.fence) for lease in claimed] == [(each, 2) for each in asset_ids]


@pytest.mark.parametrize(
    ("lease_sec", "until", "times"),
    [
        pytest.param(60, "SELECT now() + interval '60 s'", 1, id="begun under this server"),
        pytest.param(1e6, "SELECT now() + interval '60 s'", 0, id="begun before it"),
        pytest.param(
            60, "SELECT pg_postmaster_start_time() - interval '1 s'", 0, id="ended before"
        ),
    ],
)
def test_a_lease_that_is_older_than_the_server_counts_against_no_asset(
    database_url: str, lease_sec: float, until: LiteralString, times: int
) -> None:
    """A server that restarts takes all sessions, whatever the assets are like."""
    add_assets(database_url, "A", lease_owner=77, lease_until=value(database_url, until))
    with worker_on(database_url, lease_sec=lease_sec) as worker:
        assert len(worker.free_lost_leases()) == 1
    assert value(database_url, "SELECT times_rescued FROM assets") == times
