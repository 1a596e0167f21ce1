"""At the end of a run, what it has committed is checked: each breach is named with its asset."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest

from data_nexus.config import Secret
from data_nexus.database.queries import query
from data_nexus.database.store import open_store
from data_nexus.database.store.runs import Breach
from data_nexus.errors import NexusError
from data_nexus.events import QUOTA_LEDGER, Warned
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_totals import RunTotals
from tests.support.postgres.tables import add_assets, execute
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for, worker_on

DAY = date(2024, 1, 2)
RUN, OTHER = 5, 6
TOKEN = Secret("canary.1234")
CURSOR = "no cursor is ahead of its rows"


@pytest.fixture
def loaded(worker: Worker, database_url: str) -> list[int]:
    """Two assets that one run has loaded, and one of another run."""
    ids = add_assets(database_url, "A", "B")
    worker.commit(
        *(batch_for(lease, bars_from(DAY, 1.0, 2.0)) for lease in worker.claim()), run_id=RUN
    )
    ids += add_assets(database_url, "C")
    worker.commit(batch_for(worker.claim()[0], bars_from(DAY, 1.0)), run_id=OTHER)
    return ids


@pytest.mark.usefixtures("loaded")
def test_a_run_that_kept_its_promises_is_left_alone(worker: Worker) -> None:
    assert worker.breaches(RUN) == worker.breaches(OTHER) == []


@pytest.mark.parametrize(
    ("change", "invariant"),
    [
        (
            "UPDATE sync_log SET received = 9 WHERE asset_id = {b}",
            "every received row is accounted for",
        ),
        ("UPDATE assets SET fence = 0 WHERE id = {b}", "no fence of the log is ahead of its asset"),
        ("UPDATE assets SET last_bar = '2024-01-09' WHERE id = {b}", CURSOR),
        ("UPDATE assets SET synced_through = '2024-01-02' WHERE id = {b}", CURSOR),
        ("UPDATE assets SET synced_through = NULL WHERE id = {b}", CURSOR),
        ("UPDATE sync_log SET passed_to = '2024-01-09' WHERE asset_id = {b}", CURSOR),
        ("DELETE FROM market_data WHERE asset_id = {b} AND date = '2024-01-03'", CURSOR),
        ("DELETE FROM market_data WHERE asset_id = {b}", CURSOR),
        (
            (
                "ALTER TABLE sync_log DROP CONSTRAINT sync_log_pkey;"
                " INSERT INTO sync_log SELECT * FROM sync_log WHERE asset_id = {b}"
            ),
            "no two commits have one fence",
        ),
    ],
)
def test_each_breach_is_seen_by_the_run_that_touched_the_asset_and_by_no_other(
    loaded: list[int], worker: Worker, database_url: str, change: str, invariant: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(change.format(b=loaded[1]).encode())
    assert worker.breaches(RUN) == [Breach(invariant, 1, "B.US")]
    assert worker.breaches(OTHER) == []


@pytest.mark.usefixtures("loaded")
def test_what_the_run_committed_before_the_round_is_not_read_again(
    worker: Worker, database_url: str
) -> None:
    execute(database_url, "UPDATE sync_log SET received = 9")
    assert len(worker.breaches(RUN)) == 1
    assert worker.breaches(RUN, since=ago(-1)) == []


@pytest.mark.usefixtures("loaded")
def test_places_are_counted_and_the_first_asset_is_named(worker: Worker, database_url: str) -> None:
    execute(database_url, "DELETE FROM market_data")
    assert worker.breaches(RUN) == [Breach(CURSOR, 2, "A.US")]


def test_a_lease_that_the_worker_still_holds_is_a_breach(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    leases = worker.claim()
    (found,) = worker.breaches(RUN)
    assert (found.invariant, found.ticker) == ("no lease of an ended run is left", "A.US")
    worker.release(leases)
    assert worker.breaches(RUN) == []


def test_a_large_run_is_checked_without_a_look_into_an_index_for_each_asset(
    database_url: str,
) -> None:
    """Whatever the planner expects: the log's statistics do not know of the run yet."""
    many = 5_000
    execute(
        database_url,
        "INSERT INTO assets (symbol, exchange, fence, last_bar, synced_through)"
        " SELECT 'S' || n, 'US', 1, '2024-01-02', '2024-01-02' FROM generate_series(1, 5000) n",
        "INSERT INTO market_data SELECT id, '2024-01-02', 1, 1, 1, 1, 1, 1 FROM assets",
        "INSERT INTO sync_log (asset_id, fence, run_id, outcome, window_first, window_last,"
        " received, inserted, revised, unchanged, rejected, calls, requests, passed_to)"
        " SELECT id, 1, 5, 'stored', '2024-01-02', '2024-01-02', 1, 1, 0, 0, 0, 1, 1, '2024-01-02'"
        " FROM assets",
    )
    asked = {"run_id": RUN, "since": ago(1), "owner": 1, "no_lease_is_left": ""}
    with psycopg.connect(database_url) as connection:
        explain = b"EXPLAIN (ANALYZE, FORMAT JSON) " + query("breaches_of_run")
        ((plan,),) = connection.execute(explain, asked).fetchall()
    loops = [node["Actual Loops"] for node in nodes_of(plan[0]["Plan"])]
    assert many / 20 < max(loops) < many / 5
    execute(database_url, "DELETE FROM market_data WHERE asset_id > 1000")
    with worker_on(database_url) as worker:
        (found,) = worker.breaches(RUN)
    assert (found.invariant, found.places > 200) == (CURSOR, True)


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A plan's nodes."""
    return [plan, *(each for part in plan.get("Plans", []) for each in nodes_of(part))]


@pytest.mark.parametrize(
    ("spent", "has_begun_anew", "is_broken"),
    [(40, False, False), (39, False, True), (0, True, False)],
)
def test_a_ledger_that_holds_less_than_the_run_has_spent_is_a_breach_unless_it_began_anew(
    database_url: str, spent: int, *, has_begun_anew: bool, is_broken: bool
) -> None:
    async def ended() -> NexusError | None:
        totals = RunTotals(calls=7, ledgers_taken_back=1)
        async with open_store(database_url, "public", 1, lease_sec=60) as store:
            check = await RunCheck.begin(store, TOKEN, totals)
            totals.calls += 40
            if has_begun_anew:
                totals.note(Warned(QUOTA_LEDGER, "a clock was wrong"))
            await store.quota(TOKEN).change(lambda quota, _: (replace(quota, spent=spent), None))
            return await check.breach(RUN)

    found = asyncio.run(ended())
    assert ("alone has spent 40" in str(found)) is is_broken
