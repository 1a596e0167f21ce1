"""What a worker stands on gives way: its sessions, its server, its own time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.upgrade import upgrade
from tests.crash.conftest import BARS, SYMBOLS, Field
from tests.support.postgres.embedded import server_pid
from tests.support.postgres.tables import add_assets, eventually, rows, value
from tests.support.programs.commands import commands_at
from tests.support.programs.forked_commands import forked


def sleep_beyond_the_leases(field: Field) -> int:
    """Stop a worker until its successor is done, and let it go on; how often it asked then.

    SIGSTOP stands for a machine that was put to sleep.
    """
    field.arm(empty=True)
    begun = field.requests()
    # The sleeper's requests are answered, but slowly; its successor's are not struck.
    slow = {"kind": "slow", "bytes_per_sec": 100_000, "times": 4}
    field.vendor.post("/faults", {**slow, "endpoint": "eod"})
    arguments = ("backfill", "--no-limit", "--concurrency", "4")
    with forked(field.commands, *arguments, lease_seconds=1) as sleeper:
        eventually(lambda: len(field.asked(begun)) >= 4)
        assert sleeper.pid
        os.kill(sleeper.pid, signal.SIGSTOP)
        expired = "SELECT bool_and(lease_until < now()) FROM assets WHERE lease_owner IS NOT NULL"
        eventually(lambda: value(field.url, expired))
        assert field.backfill() == 0
        assert len(field.finished()) == SYMBOLS
        done = field.requests()
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.join(60)
    field.vendor.delete("/faults")
    assert sleeper.exitcode == 0
    return field.requests() - done


def test_a_worker_that_slept_beyond_its_leases_writes_nothing_late(field: Field) -> None:
    sleep_beyond_the_leases(field)
    field.assert_whole()
    figures = "SELECT figures -> 'fenced', figures -> 'synced' FROM runs ORDER BY id"
    (slept, woke), successor = rows(field.url, figures)
    assert (slept > 0, woke, successor) == (True, 0, (0, SYMBOLS))


def test_a_worker_that_slept_spends_no_call_on_leases_that_it_lost(field: Field) -> None:
    assert sleep_beyond_the_leases(field) == 0


def test_sessions_cut_by_an_operator_end_the_run_with_7_and_the_next_goes_on(field: Field) -> None:
    field.arm(empty=True)
    begun = field.requests()
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'data-nexus engine'"
    )
    with forked(field.commands, "backfill", "--no-limit", batch_rows=1) as running:
        eventually(lambda: len(field.finished()) >= 3)
        rows(field.url, cut)
        running.join(60)
    assert running.exitcode == 7
    at, finished = field.requests(), field.finished()
    assert len(finished) < SYMBOLS
    assert field.backfill() == 0
    assert finished.isdisjoint(field.asked(at))
    assert set(field.asked(begun)) == set(field.symbols)
    field.assert_whole()


@pytest.fixture
def own_server(field: Field, tmp_path: Path) -> Iterator[Field]:
    """The same vendor before a server that may be killed, with a full `fsync`."""
    home = tmp_path / "home"
    with embedded_server(home) as url:
        upgrade(url)
        add_assets(url, *(symbol.removesuffix(".US") for symbol in field.symbols))
        commands = commands_at(tmp_path, field.vendor, url)
        yield Field(commands, field.vendor, url, field.symbols)
    remove(home)


def test_a_server_killed_in_the_middle_has_lost_nothing_that_it_committed(
    own_server: Field, tmp_path: Path
) -> None:
    """It comes back at once; the run may go on with it, or end and leave the rest to the next."""
    field, home = own_server, tmp_path / "home"
    with forked(field.commands, "backfill", "--no-limit", batch_rows=1) as running:
        eventually(lambda: len(field.finished()) >= 3)
        finished, killed = field.finished(), server_pid(home)
        assert killed
        os.kill(killed, signal.SIGKILL)
        with embedded_server(home) as recovered:
            assert recovered == field.url
            running.join(120)
            assert running.exitcode in (0, 7)
            assert finished <= field.finished()
            at, finished = field.requests(), field.finished()
            assert field.backfill() == 0
            assert finished.isdisjoint(field.asked(at))
            field.assert_whole()


def test_a_table_that_an_operator_holds_is_waited_for(field: Field) -> None:
    field.arm(empty=True)
    with psycopg.connect(field.url) as operator:
        operator.execute("LOCK market_data IN EXCLUSIVE MODE")
        with forked(field.commands, "backfill", "--no-limit") as running:
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            eventually(lambda: value(field.url, waiting))
            operator.commit()
            running.join(60)
    assert running.exitcode == 0
    field.assert_whole()


def test_while_the_database_is_slow_no_more_is_asked_for_than_may_wait_in_memory(
    field: Field,
) -> None:
    field.arm(empty=True)
    begun = field.requests()
    with psycopg.connect(field.url) as operator:
        operator.execute("LOCK market_data IN EXCLUSIVE MODE")
        asset_bytes = BARS * 52
        limits = {"bytes_in_flight": 6 * asset_bytes, "batch_rows": BARS, "writers": 1}
        with forked(field.commands, "backfill", "--no-limit", **limits) as running:
            eventually(lambda: len(field.asked(begun)) >= 6)
            time.sleep(1)
            # What waits, and what the five fetchers hold in their hands.
            asked = len(field.asked(begun))
            operator.commit()
            running.join(60)
    assert 6 <= asked <= 6 + 5
    assert running.exitcode == 0
    field.assert_whole()
