"""A snapshot as Delta tables, read by Delta's own library."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from data_nexus.errors import UsageError
from data_nexus.research.snapshots.schemas import TABLES
from tests.support.files.lakes import assert_whole, export, lake_table, paths
from tests.support.postgres.tables import add_assets, execute


@pytest.fixture
def filled(database_url: str) -> str:
    add_assets(database_url, "ONE", "TWO")
    add_assets(database_url, "TEN", exchange="LSE")
    execute(
        database_url,
        "INSERT INTO market_data SELECT id, date '2019-01-02' + n, 1, 2, 1, 2, 2, n"
        " FROM assets, generate_series(0, 2500, 50) AS n",
        "INSERT INTO splits (asset_id, date, numerator, denominator)"
        " VALUES (1, '2020-06-01', 4, 1)",
    )
    return database_url


def delta(target: Path, table: str) -> Any:  # noqa: ANN401 - the library ships no types
    return import_module("deltalake").DeltaTable(str(target / table))


def assert_same(target: Path) -> None:
    """Delta's reader finds the rows of the manifest's files, in every table."""
    for table in TABLES:
        own = lake_table(target, table)
        found = delta(target, table).to_pyarrow_dataset().to_table()
        order = [(name, "ascending") for name in own.column_names[:2]]
        expected = own.sort_by(order).to_pylist()
        assert found.select(own.column_names).sort_by(order).to_pylist() == expected


def test_delta_readers_find_the_snapshot_and_each_refresh(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path, delta=True)
    assert_same(tmp_path)
    bars = delta(tmp_path, "bars").to_pyarrow_dataset().to_table()
    assert set(bars["exchange"].to_pylist()) == {"US", "LSE"}
    for _ in range(3):
        execute(filled, "UPDATE market_data SET open = open + 1 WHERE asset_id = 1")
        export(filled, tmp_path)
        assert_same(tmp_path)
    versions = {table: delta(tmp_path, table).version() for table in TABLES}
    assert versions == dict.fromkeys(TABLES, 0) | {"bars": 3}


def test_a_commit_names_what_is_new_and_what_is_gone_and_no_file_twice(
    filled: str, tmp_path: Path
) -> None:
    # Below a folder of the same name, and unchanged: no commit at all.
    target = tmp_path / "bars" / "lake"
    export(filled, target, delta=True)
    before = paths(target)
    export(filled, target)
    execute(filled, "UPDATE market_data SET open = open + 1 WHERE asset_id = 1 AND volume = 50")
    export(filled, target)
    log = sorted((target / "bars" / "_delta_log").glob("*.json"))
    assert len(log) == 2
    acts = [json.loads(line) for line in log[1].read_text().splitlines()]
    added = {f"bars/{act['add']['path']}" for act in acts if "add" in act}
    removed = {f"bars/{act['remove']['path']}" for act in acts if "remove" in act}
    assert (added, removed) == (paths(target) - before, before - paths(target))
    assert len(added) == len(removed) == 1
    assert_same(target)


def test_a_snapshot_becomes_delta_later_of_the_same_files(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path)
    assert_whole(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    export(filled, tmp_path, delta=True)
    assert_same(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before


def test_without_the_extra_delta_is_refused_with_the_remedy(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"pip install 'data-nexus\[deltalake\]'"):
        export(filled, tmp_path, delta=True)
