"""An export to an object store killed between two of its writes leaves a whole snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import data_nexus as nexus
from data_nexus.errors import UsageError
from tests.support.files.lakes import assert_equals_database, two_parts
from tests.support.files.object_store import ObjectStore, object_store
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked

MOMENTS = ("bars/exchange=US/000000", "bars/exchange=US/000001", "assets/all", "manifest.json")


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


@pytest.fixture
def commands(cluster: Cluster, tmp_path: Path) -> Iterator[Commands]:
    bars = (
        "date '2025-01-02' + n, 0, 2, 0, 2, 2, n FROM assets a, generate_series(0, 500, 100) AS n"
    )
    with two_parts(cluster, tmp_path, bars) as found:
        yield found


def change(commands: Commands) -> None:
    execute(
        commands.environment["DATABASE_URL"],
        "UPDATE market_data SET open = open + 1",
        "UPDATE assets SET name = coalesce(name, '') || 'x'",
    )


def opens(target: str) -> set[float]:
    """The opens of the bars of both parts, of which none is missing."""
    found = nexus.lake(target).bars(["ONE.US", "TWO.US"])["open"].to_pylist()
    assert len(found) == 12
    return set(found)


def exported(commands: Commands, target: str) -> int | None:
    with forked(commands, "export", "lake", "--to", target) as running:
        running.join(60)
    return running.exitcode


def killed(commands: Commands, store: ObjectStore, prefix: str, moment: str, *, done: bool) -> None:
    """Kill an export while a write is under way, which the store then does, or does not."""
    store.hold(f"{prefix}/{moment}")
    with forked(commands, "export", "lake", "--to", store.address(prefix)) as running:
        store.await_held()
        running.kill()
        running.join()
    assert running.exitcode == -9
    store.release(done=done)


@pytest.mark.parametrize("done", [False, True])
def test_a_refresh_killed_at_a_write_leaves_the_old_snapshot(
    store: ObjectStore, commands: Commands, tmp_path: Path, *, done: bool
) -> None:
    prefix = f"killed/{done}"
    target = store.address(prefix)
    assert exported(commands, target) == 0
    for number, moment in enumerate(MOMENTS, 1):
        change(commands)
        killed(commands, store, prefix, moment, done=done and moment != "manifest.json")
        assert opens(target) == {number - 1}
        assert exported(commands, target) == 0
        assert opens(target) == {number}
    folder = store.mirror(prefix, tmp_path / "mirror")
    assert opens(str(folder)) == {len(MOMENTS)}


def test_a_first_export_killed_at_a_write_leaves_none_and_the_next_a_whole_one(
    store: ObjectStore, commands: Commands, tmp_path: Path
) -> None:
    target = store.address("first")
    for moment in MOMENTS:
        killed(commands, store, "first", moment, done=moment != "manifest.json")
        with pytest.raises(UsageError, match="no snapshot at"):
            nexus.lake(target)
    assert exported(commands, target) == 0
    folder = store.mirror("first", tmp_path / "mirror")
    (folder / "lake.lock").touch()
    assert_equals_database(folder, commands.environment["DATABASE_URL"])
