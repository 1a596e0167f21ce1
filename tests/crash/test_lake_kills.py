"""Whatever kills an export and when, a reader finds the old snapshot or the new one, whole.

`NEXUS_KILL_SEED` repeats the random moments.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

import data_nexus as nexus
from data_nexus.errors import UsageError
from tests.support.campaign import sized
from tests.support.files.lakes import assert_equals_database, lake_rows, manifest, two_parts
from tests.support.postgres.database import Cluster
from tests.support.postgres.rows import Rows, differing, stored_rows
from tests.support.postgres.tables import execute
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked, forked_until

KILLS, STRIDE = sized(5, 200), sized(3, 1)
SEED = int(os.environ.get("NEXUS_KILL_SEED", "1"))
EXPORT = ("export", "lake", "--to", "lake")
TARGET = "lake"


@pytest.fixture
def commands(cluster: Cluster, tmp_path: Path) -> Iterator[Commands]:
    bars = (
        "date '2020-01-02' + n, 1, 2, 1, 2, 2, n FROM assets a, generate_series(0, 2500, 100) AS n"
    )
    with two_parts(cluster, tmp_path, bars) as found:
        execute(found.environment["DATABASE_URL"], "UPDATE assets SET last_bar = '2026-11-20'")
        yield found


def change(commands: Commands) -> Rows:
    """Change a bar of each part; what is stored then."""
    url = commands.environment["DATABASE_URL"]
    execute(url, "UPDATE market_data SET open = open + 1 WHERE date = '2020-01-02'")
    return stored_rows(url)


def exported(commands: Commands) -> int | None:
    with forked(commands, *EXPORT) as running:
        running.join(60)
    return running.exitcode


def is_same(one: Rows, other: Rows) -> bool:
    return differing(one, other) == {}


def read(target: Path) -> Rows | None:
    """What a reader finds, by the manifest; None where no snapshot was completed yet."""
    if not (target / "manifest.json").exists() or manifest(target)["generation"] == 0:
        with pytest.raises(UsageError, match="no snapshot at"):
            nexus.lake(str(target))
        return None
    assert len(nexus.lake(str(target)).bars(["ONE.US", "TWO.US"])) == 52
    return lake_rows(target)


def assert_whole_again(commands: Commands) -> None:
    """The next export makes it equal the database, and nothing of the killed one is left."""
    assert exported(commands) == 0
    assert_equals_database(commands.folder / TARGET, commands.environment["DATABASE_URL"])


@pytest.mark.sized(1 / STRIDE, "of all steps")
def test_a_first_export_killed_before_its_steps_leaves_none_or_a_whole_one(
    commands: Commands,
) -> None:
    target, whole, seen = commands.folder / TARGET, change(commands), []
    for step in count(1, STRIDE):
        shutil.rmtree(target, ignore_errors=True)
        with forked_until(commands, step, *EXPORT) as running:
            running.join(60)
        found = read(target)
        assert found is None or is_same(found, whole)
        seen.append(found is None)
        if running.exitcode == 0:
            break
        assert running.exitcode == -9
        if step % 10 == 0:
            assert_whole_again(commands)
    assert seen == sorted(seen, reverse=True)
    assert seen.count(True) > 20 / STRIDE


@pytest.mark.sized(1 / STRIDE, "of all steps")
def test_a_refresh_killed_before_its_steps_leaves_the_old_snapshot_or_the_new(
    commands: Commands,
) -> None:
    target, seen = commands.folder / TARGET, []
    assert exported(commands) == 0
    for step in count(1, STRIDE):
        # There is something to write, and a generation of files to remove.
        change(commands)
        assert_whole_again(commands)
        old, new = lake_rows(target), change(commands)
        with forked_until(commands, step, *EXPORT) as running:
            running.join(60)
        found = read(target)
        assert found is not None
        is_new = is_same(found, new)
        assert is_new or is_same(found, old)
        seen.append(is_new)
        if running.exitcode == 0:
            break
        assert running.exitcode == -9
    assert seen == sorted(seen)
    assert seen.count(False) > 8 / STRIDE
    assert seen.count(True) > 2 / STRIDE
    assert_whole_again(commands)


@pytest.mark.sized(KILLS, "kills")
def test_kills_at_random_moments_leave_the_old_snapshot_or_the_new(commands: Commands) -> None:
    chance, target = random.Random(SEED), commands.folder / TARGET  # noqa: S311 - moments
    assert exported(commands) == 0
    began = time.monotonic()
    assert exported(commands) == 0
    usual = time.monotonic() - began
    old, killed = lake_rows(target), 0
    while killed < KILLS:
        new = change(commands)
        with forked(commands, *EXPORT) as running:
            time.sleep(chance.uniform(0.2, 1) * usual)
            running.kill()
            running.join()
        killed += running.exitcode == -9
        found = lake_rows(target)
        assert is_same(found, old) or is_same(found, new)
        old = found
    assert_whole_again(commands)
