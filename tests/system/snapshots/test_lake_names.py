"""No name that a snapshot's files hold leads to anybody else's file, to be read or deleted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import data_nexus as nexus
from data_nexus.errors import StorageUnavailable, UsageError
from data_nexus.research.snapshots.storage.open import open_storage
from data_nexus.research.snapshots.storage.storage import Storage
from tests.support.files.lakes import assert_whole, entries, export, manifest, paths
from tests.support.postgres.tables import add_assets, execute

S3 = "s3://KEY:SECRET@bucket/lake?endpoint_override=127.0.0.1:1&scheme=http&region=eu-central-1"
SECRET = "../victim/secret.parquet"  # noqa: S105 - a file's name
ELSEWHERE = [
    SECRET,
    "bars/exchange=US/../../../victim/secret.parquet",
    "bars/../../victim/secret.parquet",
    "//victim/secret.parquet",
    "manifest.json",
    "lake.lock",
    "bars/exchange=US/secret.parquet",
    f"bars/exchange=US/000000-00000000-99999999-{'0' * 20}.parquet\n",
    f"bars/exchange=../000000-00000000-99999999-{'0' * 20}.parquet",
    f"bars/exchange=US/000000-00000000-99999999-{'0' * 20}.parquet.1.part",
    f"splits/all-{'0' * 20}.parquet",
]
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def filled(database_url: str) -> str:
    add_assets(database_url, "ONE", "TWO")
    execute(
        database_url,
        "INSERT INTO market_data SELECT id, date '2024-01-02' + n, 1, 2, 1, 2, 2, n"
        " FROM assets, generate_series(0, 9) AS n",
        "UPDATE assets SET last_bar = '2024-01-11'",
    )
    return database_url


@pytest.fixture
def lake(filled: str, tmp_path: Path) -> Path:
    """A snapshot, and beside it a folder with a file that could be one of its files."""
    target, victim = tmp_path / "lake", tmp_path / "victim"
    export(filled, target)
    victim.mkdir()
    (path, *_) = sorted(paths(target))
    shutil.copy(target / path, victim / "secret.parquet")
    return target


def edit(target: Path, change: Edit) -> None:
    """Change a manifest as a text editor does."""
    held = manifest(target)
    change(held)
    (target / "manifest.json").write_text(json.dumps(held), encoding="utf-8")


def kept(target: Path) -> bool:
    """Say whether the file beside the snapshot is still there."""
    return (target.parent / "victim" / "secret.parquet").exists()


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_manifest_names_no_file_but_a_snapshot_s(lake: Path, filled: str, path: str) -> None:
    edit(lake, lambda held: held["files"][0].update(path=path, table="bars"))
    for act in (lambda: nexus.lake(str(lake)), lambda: export(filled, lake)):
        with pytest.raises(UsageError, match="was not written by an export: it names"):
            act()
    assert kept(lake)


@pytest.mark.parametrize("absolute", [False, True])
def test_what_a_manifest_calls_superseded_is_removed_only_if_it_is_ours(
    lake: Path, filled: str, *, absolute: bool
) -> None:
    named = str(lake.parent / "victim/secret.parquet") if absolute else SECRET
    (lake / "notes.txt").write_text("mine")
    edit(lake, lambda held: held.update(superseded=[named, "notes.txt", *held["superseded"]]))
    execute(filled, "UPDATE market_data SET open = open / 2")
    for _ in range(3):
        export(filled, lake)
    assert kept(lake)
    assert (lake / "notes.txt").exists()


ODD: dict[str, Edit] = {
    "a part of a million million assets": lambda held: held.update(assets_a_part=10**12),
    "a part of less than none": lambda held: held.update(assets_a_part=-1),
    "another compression": lambda held: held.update(compression="none of these"),
    "a table in two files": lambda held: held["files"].append(
        next(each for each in held["files"] if each["table"] == "splits")
    ),
    "a file of less than no rows": lambda held: held["files"][0].update(rows=-1),
    "bars of nothing": lambda held: next(
        each for each in held["files"] if each["table"] == "bars"
    ).update(covers=None),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_manifest_holds_no_number_that_no_export_writes(lake: Path, change: Edit) -> None:
    edit(lake, change)
    with pytest.raises(UsageError, match=r"manifest\.json"):
        nexus.lake(str(lake)).bars("ONE.US")


def test_a_table_that_a_manifest_lacks_is_named(lake: Path) -> None:
    edit(lake, lambda held: held.update(files=[e for e in held["files"] if e["table"] == "bars"]))
    with pytest.raises(UsageError, match="no file of the table assets"):
        nexus.lake(str(lake)).bars("ONE.US")


def test_a_damaged_small_table_is_named_with_the_remedy(lake: Path) -> None:
    (path,) = paths(lake, "assets")
    (lake / path).write_bytes(b"PAR1" * 9)
    with pytest.raises(StorageUnavailable, match=r"is damaged .* the next export writes it"):
        nexus.lake(str(lake)).bars("ONE.US")


def test_a_file_that_is_a_link_is_not_read(lake: Path) -> None:
    (path,) = paths(lake)
    (lake / path).unlink()
    (lake / path).symlink_to(lake.parent / "victim" / "secret.parquet")
    with pytest.raises(UsageError, match="is a link"):
        nexus.lake(str(lake)).bars("ONE.US")


@pytest.mark.parametrize("name", ["manifest.json", "lake.lock", "a file of bars", "a small table"])
def test_a_pipe_in_a_snapshot_is_refused_and_not_waited_for(
    lake: Path, filled: str, name: str
) -> None:
    table = {"a file of bars": "bars", "a small table": "assets"}.get(name)
    path = min(paths(lake, table)) if table else name
    (lake / path).unlink()
    os.mkfifo(lake / path)

    def use() -> None:
        if name == "lake.lock":
            export(filled, lake)
        else:
            nexus.lake(str(lake)).bars("ONE.US")

    with pytest.raises(UsageError, match=f"{path} is not a regular file; remove it"):
        use()


@pytest.mark.parametrize("linked", ["bars", "bars/exchange=US", "splits", "bars/exchange=ZZ"])
def test_a_folder_that_is_a_link_is_not_written_to_and_nothing_in_it_goes(
    lake: Path, filled: str, linked: str
) -> None:
    elsewhere = lake.parent / "elsewhere"
    if (lake / linked).exists():
        (lake / linked).rename(elsewhere)
    else:
        elsewhere.mkdir()
    (elsewhere / f"000000-00000000-99999999-{'0' * 20}.parquet").write_text("mine")
    (lake / linked).symlink_to(elsewhere, target_is_directory=True)
    before = sorted(elsewhere.rglob("*"))
    execute(filled, "UPDATE market_data SET open = open / 2")
    with pytest.raises(UsageError, match=f"{linked} is a link"):
        export(filled, lake)
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.parametrize("name", ["lake.lock", "manifest.json"])
def test_a_file_of_the_snapshot_itself_is_no_link(lake: Path, filled: str, name: str) -> None:
    place = lake.parent / "elsewhere"
    (lake / name).rename(place)
    before = place.read_bytes()
    (lake / name).symlink_to(place)
    with pytest.raises(UsageError, match=f"{name} is a link"):
        export(filled, lake)
    assert place.read_bytes() == before


def test_the_folder_itself_may_be_reached_by_a_link(lake: Path, filled: str) -> None:
    (lake.parent / "way").symlink_to(lake, target_is_directory=True)
    export(filled, lake.parent / "way")
    assert len(nexus.lake(str(lake.parent / "way")).bars("ONE.US")) == 10


@pytest.mark.parametrize("path", [each for each in ELSEWHERE if not each.endswith(".part")][:4])
@pytest.mark.parametrize("target", ["folder", S3])
def test_a_storage_opens_and_removes_nothing_but_a_snapshot_s_files(
    tmp_path: Path, target: str, path: str
) -> None:
    storage: Storage = open_storage(str(tmp_path) if target == "folder" else target)
    for act in (storage.open, storage.read, storage.remove, storage.address):
        with pytest.raises(UsageError, match="is not a file of a snapshot"):
            act(path)
    with pytest.raises(UsageError, match="is not a file of a snapshot"):
        storage.put(path, b"")


def test_what_another_tool_added_to_a_delta_table_stays(filled: str, tmp_path: Path) -> None:
    execute(
        filled,
        "INSERT INTO splits (asset_id, date, numerator, denominator)"
        " VALUES (1, '2024-01-05', 4, 1)",
    )
    export(filled, tmp_path, delta=True)
    (path,) = paths(tmp_path, "splits")
    rows: pa.Table = parquet.read_table(tmp_path / path)
    import_module("deltalake").write_deltalake(str(tmp_path / "splits"), rows, mode="append")
    theirs = {each.name for each in (tmp_path / "splits").glob("*.parquet")} - {Path(path).name}
    assert len(theirs) == 1
    for _ in range(3):
        export(filled, tmp_path)
        assert {Path(each).name for each in manifest(tmp_path)["superseded"]}.isdisjoint(theirs)
    assert theirs <= {each.name for each in (tmp_path / "splits").glob("*.parquet")}
    delta = import_module("deltalake").DeltaTable(str(tmp_path / "splits"))
    assert delta.to_pyarrow_dataset().to_table().num_rows == len(rows)


def test_what_no_manifest_names_any_more_goes_as_before(lake: Path, filled: str) -> None:
    for _ in range(3):
        execute(filled, "UPDATE market_data SET open = open / 2")
        export(filled, lake)
    assert_whole(lake)
    assert len(entries(lake)) == 1
