"""SIGTERM in the middle of a session in bulk: what is paid for is finished, the rest waits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute, value
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked_update
from tests.support.vendor.update_field import MONDAY, TUESDAY, WEDNESDAY, UpdateField, update_field

SYMBOLS = 740
BULK = "eod-bulk-last-day"
# Two sessions are new: some assets are read before the rest.
PROBES = 3


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateField]:
    with update_field(cluster, tmp_path_factory.mktemp("field"), SYMBOLS) as field:
        yield field


@pytest.fixture
def commands(field: UpdateField) -> Iterator[Commands]:
    with field.round() as commands:
        yield commands


def in_bulk(field: UpdateField, since: int) -> int:
    """How many requests for sessions in bulk there were."""
    return sum(entry["endpoint"] == BULK for entry in field.asked(since))


def slow_at(field: UpdateField, request: int, kind: str = "slow", **fault: object) -> None:
    """Let a session's request of this number take its time."""
    for _ in range(request - 1):
        quick = {"kind": "slow", "bytes_per_sec": 1_000_000_000, "times": 1}
        field.vendor.post("/faults", quick | {"endpoint": BULK})
    field.vendor.post("/faults", {"kind": kind, "endpoint": BULK, "times": 1, **fault})


def stop(running: BaseProcess) -> int | None:
    """Send SIGTERM and wait for the end; the exit code."""
    assert running.pid
    os.kill(running.pid, signal.SIGTERM)
    running.join(30)
    return running.exitcode


@pytest.mark.parametrize(
    ("request_number", "bytes_per_sec", "in_all"),
    # Asked to stop while the new session is fetched, the one before is not compared again.
    [(1, 100_000, 3), (2, 100_000, 4), (3, 500, 4), (4, 500, 4)],
)
def test_a_session_that_is_being_paid_for_is_finished_and_the_next_one_not_begun(
    field: UpdateField, commands: Commands, request_number: int, bytes_per_sec: int, in_all: int
) -> None:
    slow_at(field, request_number, bytes_per_sec=bytes_per_sec)
    begun = field.requests()
    with forked_update(commands, field.now, batch_rows=50, grace_seconds=40) as running:
        eventually(lambda: in_bulk(field, begun) == request_number)
        assert stop(running) == 75
    assert in_bulk(field, begun) == in_all
    left = "SELECT count(*) FROM assets WHERE synced_through = %s"
    assert value(field.url, left, WEDNESDAY) == PROBES
    assert value(field.url, left, TUESDAY) > SYMBOLS * 0.9
    field.assert_sound()
    field.assert_paid(begun)
    assert field.update(commands) == 0
    assert in_bulk(field, begun) == in_all + 4, "no session is paid for twice"
    field.assert_true()


def test_a_signal_while_a_session_is_written_lets_all_of_it_be_written(
    field: UpdateField, commands: Commands
) -> None:
    execute(
        field.url,
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END'",
        "CREATE TRIGGER dawdle AFTER INSERT ON sync_log FOR EACH STATEMENT"
        " EXECUTE FUNCTION dawdle()",
    )
    begun, carried = field.requests(), "SELECT count(*) FROM sync_log WHERE window_last = %s"
    with forked_update(commands, field.now, batch_rows=20) as running:
        eventually(lambda: value(field.url, carried, TUESDAY))
        assert stop(running) == 75
    assert in_bulk(field, begun) == 4
    assert value(field.url, carried, TUESDAY) > SYMBOLS * 0.9
    field.assert_sound()
    assert field.update(commands) == 0
    assert in_bulk(field, begun) == 8
    field.assert_true()


@pytest.mark.parametrize("request_number", [1, 3])
def test_a_request_that_hangs_does_not_outlast_the_grace(
    field: UpdateField, commands: Commands, request_number: int
) -> None:
    slow_at(field, request_number, "hang")
    by_bulk = "SELECT count(*) FROM sync_log WHERE calls = 0"
    before, begun = value(field.url, by_bulk), field.requests()
    with forked_update(commands, field.now, grace_seconds=2) as running:
        eventually(lambda: in_bulk(field, begun) == request_number)
        assert stop(running) == 75
    assert in_bulk(field, begun) == request_number
    assert value(field.url, by_bulk) == before
    further = "SELECT count(*) FROM assets WHERE synced_through > %s"
    assert value(field.url, further, MONDAY) == PROBES
    field.vendor.delete("/faults")
    assert field.update(commands) == 0
    field.assert_true()


def test_a_session_that_waits_for_its_first_request_ends_at_once(
    field: UpdateField, commands: Commands
) -> None:
    slow_at(field, 1, "status", status=429, headers={"Retry-After": "500"})
    begun = field.requests()
    with forked_update(commands, field.now) as running:
        eventually(lambda: in_bulk(field, begun) == 1)
        assert stop(running) == 75
    assert in_bulk(field, begun) == 1
    execute(field.url, "UPDATE quota_ledger SET next_slot = now()")
    assert field.update(commands) == 0
    field.assert_true()
