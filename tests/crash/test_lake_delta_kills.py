"""Whatever kills an export of Delta tables, they and the manifest are each old or new."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.support.campaign import sized
from tests.support.files.lakes import lake_table, two_parts
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked, forked_until_delta

EXPORT = ("export", "lake", "--to", "lake")
AS_DELTA = (*EXPORT, "--format", "delta")
# Each has a part that is told from all the others of its kind.
TABLES = ("bars", "assets")
STRIDE = sized(3, 1)


@pytest.fixture
def commands(cluster: Cluster, tmp_path: Path) -> Iterator[Commands]:
    bars = (
        "date '2025-01-02' + n, 1, 2, 1, 2, 2, 0 FROM assets a, generate_series(0, 500, 100) AS n"
    )
    with two_parts(cluster, tmp_path, bars, name="0") as found:
        yield found


def change(commands: Commands, number: int) -> None:
    """Let bars of each part and the assets bear a number."""
    execute(
        commands.environment["DATABASE_URL"],
        "UPDATE market_data SET volume = volume + 1",
        "UPDATE assets SET name = name::int + 1",
    )
    stored = "SELECT max(volume)::int, max(name)::int FROM market_data, assets"
    assert rows(commands.environment["DATABASE_URL"], stored) == [(number, number)]


def exported(commands: Commands, *arguments: str) -> int | None:
    with forked(commands, *arguments) as running:
        running.join(60)
    return running.exitcode


def of_delta(target: Path, table: str) -> pa.Table:
    found: Any = import_module("deltalake").DeltaTable(str(target / table))
    return found.to_pyarrow_dataset().to_table()


def number_of(table: pa.Table) -> int:
    """The number that all rows of a table bear, of which none is missing or twice there."""
    column = "volume" if "volume" in table.column_names else "name"
    (number,) = {int(each) for each in table[column].to_pylist()}
    assert len(table) == (64 * 6 if column == "volume" else 64)
    return number


def numbers(target: Path) -> tuple[list[int], list[int]]:
    """What Delta's reader finds, and what the manifest names."""
    return (
        [number_of(of_delta(target, table)) for table in TABLES],
        [number_of(lake_table(target, table)) for table in TABLES],
    )


@pytest.mark.sized(1 / STRIDE, "of all steps")
def test_a_refresh_killed_around_commits_leaves_each_table_and_the_manifest_old_or_new(
    commands: Commands,
) -> None:
    target, seen = commands.folder / "lake", set()
    assert exported(commands, *AS_DELTA) == 0
    for number, step in enumerate(count(1, STRIDE), 1):
        change(commands, number)
        with forked_until_delta(commands, step, *EXPORT) as running:
            running.join(60)
        delta, manifest = numbers(target)
        assert manifest in ([number - 1] * 2, [number] * 2)
        assert set(delta) <= {number - 1, number}
        assert delta >= manifest  # a commit comes first
        seen.add((*(each == number for each in delta), manifest[0] == number))
        ended = running.exitcode
        assert exported(commands, *EXPORT) == 0
        assert numbers(target) == ([number] * 2, [number] * 2)
        if ended == 0:
            break
        assert ended == -9
    # Bars are committed, then assets, then all by the manifest.
    kinds = {(False,) * 3, (True, False, False), (True, True, False), (True,) * 3}
    assert {(False,) * 3, (True,) * 3} <= seen <= kinds
    assert STRIDE > 1 or seen == kinds
    assert step > 12


@pytest.mark.parametrize("step", [2, 12])
def test_a_snapshot_whose_first_commits_were_cut_off_by_a_kill_goes_on_as_delta(
    commands: Commands, step: int
) -> None:
    target = commands.folder / "lake"
    assert exported(commands, *EXPORT) == 0
    change(commands, 1)
    with forked_until_delta(commands, step, *AS_DELTA) as running:
        running.join(60)
    assert running.exitcode == -9
    for number in (2, 3):
        change(commands, number)
        assert exported(commands, *EXPORT) == 0
        assert numbers(target) == ([number] * 2, [number] * 2)


def test_who_reads_what_was_committed_before_a_kill_does_so_for_one_refresh(
    commands: Commands,
) -> None:
    target = commands.folder / "lake"
    assert exported(commands, *AS_DELTA) == 0
    change(commands, 1)
    with forked_until_delta(commands, 13, *EXPORT) as running:
        running.join(60)
    opened: Any = import_module("deltalake").DeltaTable(str(target / "bars"))
    assert numbers(target) == ([1, 1], [0, 0])
    change(commands, 2)
    assert exported(commands, *EXPORT) == 0
    assert number_of(opened.to_pyarrow_dataset().to_table()) == 1
