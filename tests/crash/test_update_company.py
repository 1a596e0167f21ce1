"""Updates in company: with each other, with a worker, with a backfill; nothing is done twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute, rows, value
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import (
    forked,
    forked_update,
    forked_worker,
    set_clock,
)
from tests.support.vendor.update_field import MONDAY, TUESDAY, WEDNESDAY, UpdateField, update_field

SYMBOLS, BATCH_ROWS = 740, 20
# Monday is stored, and Tuesday's session has not begun.
BEFORE_TUESDAY = datetime(2026, 11, 10, 12, tzinfo=UTC)
FENCES_RISE = """
    CREATE FUNCTION fences_rise() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.fence < OLD.fence OR NEW.synced_through < OLD.synced_through
            OR NEW.last_bar < OLD.last_bar
        THEN RAISE EXCEPTION 'backward';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER fences_rise BEFORE UPDATE ON assets
        FOR EACH ROW EXECUTE FUNCTION fences_rise();
"""


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateField]:
    with update_field(cluster, tmp_path_factory.mktemp("field"), SYMBOLS) as field:
        yield field


@pytest.fixture
def commands(field: UpdateField) -> Iterator[Commands]:
    with field.round() as commands:
        execute(field.url, FENCES_RISE)
        yield commands


def said_by(commands: Commands) -> str:
    """The end of what forked commands printed."""
    return (commands.folder / "forked.log").read_text(encoding="utf-8")[-3000:]


def assert_once(field: UpdateField) -> None:
    """All is as the vendor has it, and no session was carried over an asset twice."""
    field.assert_true()
    twice = (
        "SELECT asset_id, day FROM sync_log, unnest(%s::date[]) AS day"
        " WHERE arrived @> day GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert rows(field.url, twice, [TUESDAY, WEDNESDAY]) == []
    held = "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL OR synced_through <> %s"
    assert value(field.url, held, WEDNESDAY) == 0


@pytest.mark.parametrize("writers", [1, 4])
def test_two_updates_of_one_exchange_do_the_work_once(
    field: UpdateField, commands: Commands, writers: int
) -> None:
    begun = field.requests()
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                forked_update(commands, field.now, batch_rows=BATCH_ROWS, writers=writers)
            )
            for _ in range(2)
        ]
        for each in running:
            each.join(60)
    assert [each.exitcode for each in running] == [0, 0]
    assert_once(field)
    field.assert_paid(begun)
    inserted = "SELECT sum((figures->>'inserted')::int) FROM runs WHERE command = 'update'"
    stored = "SELECT count(*) FROM market_data WHERE date > %s"
    assert value(field.url, inserted) == value(field.url, stored, MONDAY), "each bar counted once"
    asked = [entry["endpoint"] for entry in field.vendor.log()[begun:]]
    assert asked.count("eod-bulk-last-day") == 2 * 3 + 1, "each session paid once"


def test_an_update_beside_a_worker_and_a_backfill(
    field: UpdateField, commands: Commands, tmp_path: Path
) -> None:
    """The backfill takes assets one by one, the others sessions; who comes first does it.

    It takes a few only: two sessions in bulk, and the one before compared, cost as much as 700. For
    the worker it is Wednesday when the update has begun in bulk.
    """
    execute(field.url, "UPDATE assets SET last_synced = last_synced - interval '9 days'")
    begun, clock = field.requests(), tmp_path / "clock"
    set_clock(clock, BEFORE_TUESDAY)
    settings = {"batch_rows": BATCH_ROWS, "poll_seconds": 0.2}
    with (
        ExitStack() as stack,
        forked_worker(commands, clock, **settings) as worker,
        forked(commands, "backfill", "--limit", "20", **settings) as backfill,
    ):
        eventually(lambda: field.requests() > begun)
        running = stack.enter_context(forked_update(commands, field.now, **settings))
        eventually(lambda: field.bulk_since(begun) or running.exitcode is not None)
        assert field.bulk_since(begun), said_by(commands)
        set_clock(clock, field.now)
        running.join(60)
        backfill.join(60)
        assert (running.exitcode, backfill.exitcode) == (0, 0)
        behind = "SELECT count(*) FROM assets WHERE synced_through < %s OR lease_owner IS NOT NULL"
        eventually(lambda: not value(field.url, behind, WEDNESDAY))
        assert worker.pid
        os.kill(worker.pid, signal.SIGTERM)
        worker.join(30)
    assert worker.exitcode == 75
    in_bulk = "SELECT count(*) FROM sync_log WHERE calls = 0"
    alone = "SELECT count(*) FROM sync_log WHERE calls > 0 AND window_last > %s"
    assert value(field.url, in_bulk) > 0
    assert value(field.url, alone, MONDAY) > 0
    assert_once(field)
    field.assert_paid(begun)
