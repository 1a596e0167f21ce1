"""An update in bulk that is killed, whenever, leaves nothing half, and the next one finishes it.

`NEXUS_KILL_SEED` repeats the moments of the kills.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

import psycopg
import pytest

from tests.crash.test_kills import wait_for_a_run
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import value
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked_update
from tests.support.vendor.update_field import (
    BATCH_ROWS,
    MONDAY,
    SYMBOLS,
    UpdateField,
    update_field,
)

KILLS = sized(5, 200)
SEED = int(os.environ.get("NEXUS_KILL_SEED", "1"))
# From a run's first statement on, all of its work takes about so long.
LONGEST_LIFE_SEC = 0.5
# From the first part of a session on, its others take about so long.
WRITING_SEC = 0.1
KILLS_A_ROUND = 5
BULK = 100


@pytest.fixture(scope="module")
def field(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateField]:
    with update_field(cluster, tmp_path_factory.mktemp("field")) as field:
        yield field


def parts_committed(field: UpdateField) -> int:
    """How many transactions of sessions in bulk there are."""
    query = "SELECT count(DISTINCT xmin::text) FROM sync_log WHERE calls = 0 AND window_last > %s"
    return int(value(field.url, query, MONDAY))


def wait_for_a_part(field: UpdateField, running: BaseProcess) -> None:
    """Wait until one more transaction of a session in bulk is done."""
    with psycopg.connect(field.url, autocommit=True) as connection:
        query = "SELECT count(*) FROM sync_log WHERE calls = 0 AND window_last > %s"
        already = connection.execute(query, [MONDAY]).fetchone()
        while running.is_alive() and connection.execute(query, [MONDAY]).fetchone() == already:
            time.sleep(0.001)


def kill_one(field: UpdateField, commands: Commands, chance: random.Random) -> bool:
    """Start an update and kill it at a random moment; tell whether it was killed at work.

    Every second one is killed where a session is being written.
    """
    already = value(field.url, "SELECT count(*) FROM runs")
    with forked_update(commands, field.now, batch_rows=BATCH_ROWS) as running:
        wait_for_a_run(field.url, already)
        if chance.random() < 0.5:
            wait_for_a_part(field, running)
            time.sleep(chance.uniform(0, WRITING_SEC))
        else:
            time.sleep(chance.uniform(0, LONGEST_LIFE_SEC))
        running.kill()
        running.join()
    assert running.exitcode in (0, -9)
    return running.exitcode == -9


@pytest.mark.sized(KILLS, "kills")
def test_kills_at_random_moments_leave_no_trace(field: UpdateField) -> None:
    chance, killed, half_done = random.Random(SEED), 0, 0  # noqa: S311 - moments, not secrets
    with field.round() as commands:
        assert field.update(commands) == 0
        in_parts = parts_committed(field)
        assert in_parts >= 2 * SYMBOLS // (2 * BATCH_ROWS), "a session has several parts"
        undisturbed = field.tables()
    while killed < KILLS or not half_done:
        assert killed < 10 * KILLS, "no kill fell between the parts of a session"
        with field.round() as commands:
            begun, kills = field.requests(), 0
            while kills < KILLS_A_ROUND and kill_one(field, commands, chance):
                kills += 1
                field.assert_sound()
                field.assert_paid(begun, unused=kills * BULK)
                half_done += 0 < parts_committed(field) < in_parts
            killed += kills
            assert field.update(commands) == 0
            field.assert_final(undisturbed)
            field.assert_paid(begun, unused=kills * BULK)
