"""Kills at known moments: the engine stands at a statement that waits for a lock, and dies there.

Its server session lives on for as long as the lock is held, which is the worst that a successor
can meet: the dead worker's transaction still holds the assets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest

from tests.crash.conftest import SYMBOLS, Field, field_with
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute, value
from tests.support.programs.forked_commands import forked

BARS = 200
# So that there are some batches.
BATCH_ROWS = 10 * BARS
STANDING: LiteralString = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'data-nexus engine' AND wait_event_type = 'Lock'"
    " AND query ILIKE %s"
)
# The statement at which the engine stands, and the lock that keeps it there.
MOMENTS: dict[str, tuple[LiteralString, LiteralString]] = {
    "puts the queue in order": ("%UPDATE assets%", "LOCK assets IN SHARE MODE"),
    "claims": ("%claim the next due%", "SELECT pg_advisory_xact_lock(43)"),
    "copies a first load": ("%first load%", "LOCK market_data IN EXCLUSIVE MODE"),
    "keeps rejects": ("%rejected rows of a batch%", "LOCK rejected_rows IN EXCLUSIVE MODE"),
    "settles": ("%move the cursors%", "LOCK sync_log IN EXCLUSIVE MODE"),
    "commits": ("COMMIT", "SELECT pg_advisory_xact_lock(42)"),
}
RE_READ_MOMENTS: dict[str, tuple[LiteralString, LiteralString]] = {
    "reads an overlap": ("%comparison with an answer%", "LOCK market_data"),
    "keeps revisions": ("%what bars said%", "LOCK market_data_revisions IN EXCLUSIVE MODE"),
    "stores what differs": ("%store new bars%", "LOCK market_data IN EXCLUSIVE MODE"),
    "settles a re-read": ("%move the cursors%", "LOCK sync_log IN EXCLUSIVE MODE"),
    "commits a re-read": ("COMMIT", "SELECT pg_advisory_xact_lock(42)"),
}


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with field_with(cluster, tmp_path_factory.mktemp("field"), BARS) as field:
        yield field


@pytest.fixture(scope="module", autouse=True)
def barriers(field: Field) -> None:
    """Who holds advisory lock 42 keeps the server at each COMMIT, who holds 43, at each claim.

    Number 44 keeps it at the COMMITs that concern the first asset.
    """
    execute(
        field.url,
        "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_advisory_xact_lock_shared(tg_argv[0]::int); RETURN NEW; END'",
        "CREATE CONSTRAINT TRIGGER pass_commit AFTER INSERT ON sync_log"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pass(42)",
        "CREATE CONSTRAINT TRIGGER pass_first AFTER INSERT ON sync_log DEFERRABLE"
        " INITIALLY DEFERRED FOR EACH ROW WHEN (new.asset_id = 1) EXECUTE FUNCTION pass(44)",
        "CREATE TRIGGER pass_claim BEFORE UPDATE ON assets FOR EACH ROW"
        " WHEN (old.lease_owner IS NULL AND new.lease_owner IS NOT NULL) EXECUTE FUNCTION pass(43)",
    )


def die_at(field: Field, statement: LiteralString) -> None:
    """Kill a backfill that stands at a statement."""
    with forked(field.commands, "backfill", "--no-limit", batch_rows=BATCH_ROWS) as backfill:
        eventually(lambda: value(field.url, STANDING, statement))
        backfill.kill()
        backfill.join()
    assert backfill.exitcode == -9


def die_behind(field: Field, statement: LiteralString, lock: LiteralString) -> None:
    """Kill a backfill that waits for a lock at a statement, and let go of the lock."""
    with psycopg.connect(field.url) as holder:
        holder.execute(lock)
        die_at(field, statement)


def resume(field: Field) -> None:
    """Run until nothing is due: what a dying session held may be free only a moment later."""
    begun, finished = field.requests(), field.finished()
    eventually(lambda: field.backfill() == 0 and len(field.finished()) == SYMBOLS)
    assert finished.isdisjoint(field.asked(begun)), "a finished asset was asked for again"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_first_load_killed_as_it(field: Field, moment: str) -> None:
    field.arm(empty=True)
    reject = {"kind": "future", "count": 1, "endpoint": "eod"}
    field.vendor.post("/faults", reject)
    die_behind(field, *MOMENTS[moment])
    field.assert_nothing_without_its_log(is_first_load=True)
    resume(field)
    field.vendor.delete("/faults")
    field.assert_whole(rejected=SYMBOLS)


@pytest.mark.parametrize("moment", RE_READ_MOMENTS)
def test_a_re_read_killed_as_it(field: Field, moment: str) -> None:
    field.arm(empty=False)
    symbol, row = field.symbols[0], 17
    bars = field.vendor.get(f"/truth/{symbol}")
    change = {"symbol": symbol, "date": bars["date"][row], "close": bars["close"][row] + 1}
    field.vendor.post("/restate", change)
    die_behind(field, *RE_READ_MOMENTS[moment])
    field.assert_nothing_without_its_log(is_first_load=False)
    resume(field)
    field.assert_whole()
    assert value(field.url, "SELECT count(*) FROM market_data_revisions") == 1


def test_a_successor_works_while_the_dead_worker_s_transaction_lives_on(field: Field) -> None:
    field.arm(empty=True)
    with psycopg.connect(field.url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(44)")
        die_at(field, "COMMIT")
        assert field.backfill() == 0
        assert SYMBOLS // 2 < len(field.finished()) < SYMBOLS
    resume(field)
    field.assert_whole()


def test_a_worker_killed_while_the_vendor_keeps_silent(field: Field) -> None:
    field.arm(empty=True)
    begun = field.requests()
    field.vendor.post("/faults", {"kind": "hang", "endpoint": "eod", "symbol": field.symbols[9]})
    with forked(field.commands, "backfill", "--no-limit") as backfill:
        eventually(lambda: len(field.finished()) == SYMBOLS - 1)
        backfill.kill()
        backfill.join()
    field.vendor.delete("/faults")
    assert field.asked(begun).count(field.symbols[9]) == 1
    resume(field)
    field.assert_whole()


def test_an_asset_that_takes_three_workers_down_is_given_up_and_no_other(field: Field) -> None:
    field.arm(empty=True)
    symbol = field.symbols[9]
    field.vendor.post("/faults", {"kind": "hang", "endpoint": "eod", "symbol": symbol})
    for _ in range(3):
        begun = field.requests()
        with forked(field.commands, "backfill", "--no-limit") as backfill:
            eventually(lambda: symbol in field.asked(begun))  # noqa: B023 - called at once
            eventually(lambda: len(field.finished()) == SYMBOLS - 1)
            backfill.kill()
            backfill.join()
    begun = field.requests()
    parked = "SELECT count(*) FROM assets WHERE parked_at IS NOT NULL"
    eventually(lambda: field.backfill() == 0 and value(field.url, parked))
    assert field.asked(begun) == []
    field.vendor.delete("/faults")
    letters = field.commands.run("dead-letters", "list", "--json").answer["dead_letters"]
    assert [letter["symbol"] for letter in letters] == [symbol]
    assert field.commands.run("dead-letters", "retry", symbol).code == 0
    resume(field)
    field.assert_whole()
