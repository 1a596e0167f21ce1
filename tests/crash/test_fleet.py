"""Four workers load one database while they, their sessions or their server are struck.

However they are, the tables end as an undisturbed load leaves them, no stale fence has written, and
nobody starts a worker again: those that live go on by themselves.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import LiteralString

import pytest

from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.upgrade import upgrade
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.embedded import stop_at_once
from tests.support.postgres.final_tables import FinalTables, assert_final, final_tables
from tests.support.postgres.tables import add_assets, eventually, execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.forked_commands import forked
from tests.support.vendor.nights import without_actions
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth

# A worker claims 64 assets at a time: of so many, four hold some at once.
SYMBOLS, BARS = 280, 20
WORKERS = 4
LEASE_SEC, POLL_SEC = 2.0, 1.0
# A seed that has two workers killed; the first four have one.
TWO_KILLS = 5
CUTS = 8
# What a busy machine may add to a lease and a poll: the assets that a worker held are asked for one
# by one, and their commits take their time.
TOLERANCE_SEC = 2.0
# So many requests are in flight at first: more only once answers come back clean.
AT_FIRST = 4
# Each answer takes a moment, so that the load lasts for seconds.
UNHURRIED = {"kind": "slow", "endpoint": "eod", "bytes_per_sec": 4_000}
# Notes who takes, gives back or loses which lease and when, whoever does it.
LEASE_LOG: LiteralString = """
    CREATE TABLE lease_log (
        asset_id int, fence bigint, had bigint, has bigint, at timestamptz DEFAULT clock_timestamp()
    );
    CREATE FUNCTION note_lease() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN
        INSERT INTO lease_log VALUES (new.id, new.fence, old.lease_owner, new.lease_owner);
        RETURN NULL;
    END';
    CREATE TRIGGER note_lease AFTER UPDATE ON assets FOR EACH ROW
    WHEN (old.lease_owner IS DISTINCT FROM new.lease_owner) EXECUTE FUNCTION note_lease()"""
ALIVE: LiteralString = (
    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory'"
    " AND objsubid = 1 AND database = (SELECT oid FROM pg_database"
    " WHERE datname = current_database())"
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where the workers load, and what they are to leave there."""

    commands: Commands
    vendor: Sandbox
    url: str
    undisturbed: FinalTables

    @contextmanager
    def working(self, workers: int = WORKERS) -> Iterator[list[ForkServerProcess]]:
        """Run so many workers; whoever is left at the end of the block is killed."""
        settings = {"lease_seconds": LEASE_SEC, "poll_seconds": POLL_SEC}
        with ExitStack() as stack:
            yield [
                stack.enter_context(forked(self.commands, "worker", **settings))
                for _ in range(workers)
            ]

    def finished(self) -> int:
        """How many assets are loaded."""
        return int(value(self.url, "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL"))

    def owners(self) -> set[int]:
        """The workers that show that they live."""
        return {row[0] for row in rows(self.url, ALIVE)}

    def held_by(self, owner: int) -> list[int]:
        """The assets whose leases a worker holds."""
        query = "SELECT id FROM assets WHERE lease_owner = %s ORDER BY id"
        return [row[0] for row in rows(self.url, query, owner)]

    def assert_loaded(self) -> None:
        """The tables are final, and no stale fence has written.

        A fence is handed out once, and each answer was written by the very transaction that gave
        its lease back: so nobody else had taken the asset over by then.
        """
        assert_final(self.url, self.undisturbed)
        stale = (
            "SELECT asset_id, fence FROM sync_log s WHERE NOT EXISTS (SELECT FROM lease_log l"
            " WHERE (l.asset_id, l.fence) = (s.asset_id, s.fence) AND has IS NULL"
            " AND l.xmin = s.xmin)"
        )
        assert rows(self.url, stale) == []
        taken_twice = (
            "SELECT asset_id, fence FROM lease_log WHERE has IS NOT NULL"
            " GROUP BY asset_id, fence HAVING count(*) > 1"
        )
        assert rows(self.url, taken_twice) == []


def prepare(url: str, vendor: Sandbox) -> None:
    """Have the assets known; their actions are not to be had, as a backfill reads none either."""
    add_assets(url, *codes(vendor))
    without_actions(vendor, url)
    execute(url, LEASE_LOG)


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    with sandbox(
        symbols=SYMBOLS, bars_per_symbol=BARS, clean=True, minute_limit=1_000_000
    ) as vendor:
        vendor.post("/warm")
        yield vendor


@pytest.fixture(scope="module")
def undisturbed(
    cluster: Cluster, shared_vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> FinalTables:
    """What one backfill leaves that nobody disturbs."""
    with cluster.fresh_database() as url:
        prepare(url, shared_vendor)
        commands = commands_at(tmp_path_factory.mktemp("undisturbed"), shared_vendor, url)
        with forked(commands, "backfill", "--no-limit") as backfill:
            backfill.join(60)
        assert backfill.exitcode == 0
        found = differences(url, truth(shared_vendor))
        assert found == {"lost": 0, "invented": 0, "served": SYMBOLS * BARS}
        return final_tables(url)


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    shared_vendor.post("/faults", UNHURRIED)
    yield shared_vendor
    shared_vendor.delete("/faults")


@pytest.fixture
def fleet(vendor: Sandbox, undisturbed: FinalTables, database_url: str, tmp_path: Path) -> Fleet:
    prepare(database_url, vendor)
    return Fleet(commands_at(tmp_path, vendor, database_url), vendor, database_url, undisturbed)


def drain(*workers: ForkServerProcess) -> None:
    """Ask workers to stop, and expect them to say that they were drained."""
    for worker in workers:
        assert worker.pid
        os.kill(worker.pid, signal.SIGTERM)
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [75] * len(workers)


def finish(fleet: Fleet, workers: Sequence[ForkServerProcess]) -> None:
    """Let workers that were disturbed enough load the rest, and drain them."""
    fleet.vendor.delete("/faults")
    eventually(lambda: fleet.finished() == SYMBOLS, 60)
    drain(*workers)
    fleet.assert_loaded()


@pytest.mark.sized(WORKERS, "workers")
@pytest.mark.parametrize("seed", [TWO_KILLS, *range(1, sized(1, 5))])
def test_workers_that_are_killed_leave_no_trace(fleet: Fleet, seed: int) -> None:
    """No asset is lost more than twice: with a third time it would count as the killer.

    What a dead worker held is free for the others within a lease and a poll, however busy they are.
    """
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    killed_at: dict[int, float] = {}
    with fleet.working() as workers:
        for _ in range(chance.choice([1, 2])):
            enough = chance.randrange(20, 120)
            eventually(lambda: fleet.finished() >= enough)  # noqa: B023 - called at once
            before = fleet.owners()
            workers.pop(chance.randrange(len(workers))).kill()
            at = time.time()
            eventually(lambda: before - fleet.owners())  # noqa: B023
            killed_at |= dict.fromkeys(before - fleet.owners(), at)
        finish(fleet, workers)
    freed = (
        "SELECT extract(epoch FROM at)::float8 FROM lease_log"
        " WHERE had = %s AND has IS NULL AND extract(epoch FROM at) > %s"
    )
    waits = [
        row[0] - at for owner, at in killed_at.items() for row in rows(fleet.url, freed, owner, at)
    ]
    assert waits, "they held nothing"
    assert max(waits) <= LEASE_SEC + POLL_SEC + TOLERANCE_SEC


@dataclass(frozen=True, slots=True)
class Victim:
    """A worker that waits for its vendor with its hands full: `owner` holds the assets `held`."""

    running: ForkServerProcess
    owner: int
    held: list[int]

    def signal(self, number: signal.Signals) -> float:
        """Send it a signal; the moment."""
        assert self.running.pid
        os.kill(self.running.pid, number)
        return time.time()


@contextmanager
def victim_and_three(fleet: Fleet) -> Iterator[tuple[Victim, list[ForkServerProcess]]]:
    """A victim, and three workers that have loaded the rest and look for more.

    Nothing of the victim is under way at the database: only its leases keep the others away.
    """
    fleet.vendor.delete("/faults")
    late = {"kind": "slow", "endpoint": "eod", "bytes_per_sec": 80, "times": AT_FIRST}
    fleet.vendor.post("/faults", late)
    with fleet.working(1) as (running,):
        eventually(lambda: fleet.vendor.get("/faults")[0]["struck"] == AT_FIRST)
        (owner,) = fleet.owners()
        victim = Victim(running, owner, fleet.held_by(owner))
        with fleet.working(WORKERS - 1) as others:
            eventually(lambda: fleet.finished() == SYMBOLS - len(victim.held))
            assert fleet.held_by(owner) == victim.held
            yield victim, others


def assert_taken_over_in_time(fleet: Fleet, victim: Victim, struck_at: float) -> None:
    """Each of its assets was in another's hands within a lease and a poll."""
    eventually(lambda: fleet.finished() == SYMBOLS)
    query = (
        "SELECT extract(epoch FROM min(at))::float8 - %s FROM lease_log"
        " WHERE asset_id = ANY (%s) AND has <> %s GROUP BY asset_id"
    )
    waits = [row[0] for row in rows(fleet.url, query, struck_at, victim.held, victim.owner)]
    assert len(waits) == len(victim.held)
    assert max(waits) <= LEASE_SEC + POLL_SEC + TOLERANCE_SEC


def test_what_a_killed_worker_held_is_taken_over_within_a_lease_and_a_poll(fleet: Fleet) -> None:
    with victim_and_three(fleet) as (victim, others):
        killed_at = victim.signal(signal.SIGKILL)
        assert_taken_over_in_time(fleet, victim, killed_at)
        finish(fleet, others)


def test_a_worker_stopped_beyond_its_leases_writes_nothing_late_and_works_on(fleet: Fleet) -> None:
    with victim_and_three(fleet) as (victim, others):
        stopped_at = victim.signal(signal.SIGSTOP)
        assert_taken_over_in_time(fleet, victim, stopped_at)
        drain(*others)
        fleet.assert_loaded()
        asked = fleet.vendor.get("/stats")["requests"]
        victim.signal(signal.SIGCONT)
        lost = "LeaseLost symbol="
        log = fleet.commands.folder / "forked.log"
        eventually(lambda: log.read_text(encoding="utf-8").count(lost) == len(victim.held))
        assert fleet.vendor.get("/stats")["requests"] == asked, "it paid for what it had lost"
        fleet.assert_loaded()
        execute(
            fleet.url,
            "DELETE FROM market_data WHERE asset_id <= 30",
            "DELETE FROM sync_log WHERE asset_id <= 30",
            "UPDATE assets SET last_synced = NULL, synced_through = NULL, last_bar = NULL"
            " WHERE id <= 30",
        )
        finish(fleet, [victim.running])


@pytest.mark.sized(CUTS, "sessions")
@pytest.mark.parametrize("seed", range(1, 1 + sized(1, 10)))
def test_sessions_that_an_operator_ends_leave_no_trace(fleet: Fleet, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    cut_one = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'data-nexus engine'"
        " ORDER BY md5(pid::text || %s::text) LIMIT 1"
    )
    with fleet.working() as workers:
        eventually(lambda: fleet.finished() >= 20)
        for _ in range(CUTS):
            # An asset that is lost three times in a row counts as the killer; here that is us.
            execute(fleet.url, "UPDATE assets SET times_rescued = 0 WHERE times_rescued > 0")
            eventually(lambda: rows(fleet.url, cut_one, str(chance.random())))
            time.sleep(chance.uniform(0, 0.3))
        finish(fleet, workers)


@pytest.fixture
def own_fleet(vendor: Sandbox, undisturbed: FinalTables, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet before a server of its own, with a full `fsync`."""
    home = tmp_path / "home"
    with embedded_server(home) as url:
        upgrade(url)
        prepare(url, vendor)
        yield Fleet(commands_at(tmp_path, vendor, url), vendor, url, undisturbed)
    remove(home)


def test_workers_survive_an_immediate_stop_of_their_server(
    own_fleet: Fleet, tmp_path: Path
) -> None:
    """They are at work again within five seconds after it takes connections."""
    fleet, home = own_fleet, tmp_path / "home"
    with fleet.working() as workers:
        eventually(lambda: fleet.finished() >= 60)
        finished = fleet.finished()
        stop_at_once(home)
        time.sleep(1)
        with embedded_server(home) as recovered:
            assert recovered == fleet.url
            back_at = time.time()
            kept = fleet.finished()
            assert finished <= kept < SYMBOLS
            eventually(lambda: fleet.finished() > kept)
            assert time.time() - back_at <= 5 + TOLERANCE_SEC
            finish(fleet, workers)
