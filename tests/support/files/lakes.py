"""Snapshots as tests make them, and looks at them without our reader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import parquet

from data_nexus.database.connection import PostgresConnection
from data_nexus.research.snapshots.schemas import Compression
from data_nexus.research.snapshots.storage.open import open_storage
from data_nexus.research.snapshots.write import export_lake
from tests.support.postgres.database import Cluster
from tests.support.postgres.rows import Rows, key, stored_rows
from tests.support.postgres.tables import add_assets, execute
from tests.support.programs.commands import Commands
from tests.support.vendor.truth import COLUMNS

_ORDER = {
    "assets": ("id",),
    "listings": ("asset_id", "from_moment"),
    "discoveries": ("id",),
    "splits": ("asset_id", "date"),
    "dividends": ("asset_id", "date", "value"),
}


def export(
    url: str,
    target: Path | str,
    compression: Compression | None = None,
    *,
    delta: bool = False,
) -> dict[str, Any]:
    """Write or refresh a snapshot, in this process; its figures."""
    database = PostgresConnection(url)
    try:
        storage = open_storage(str(target))
        return asdict(export_lake(database, storage, compression, written_by="test", delta=delta))
    finally:
        database.close()


@contextmanager
def two_parts(cluster: Cluster, folder: Path, bars: str, name: str = "") -> Iterator[Commands]:
    """Commands at a folder, on a database of two parts; `bars` selects those of each asset `a`."""
    with cluster.fresh_database() as url:
        add_assets(url, "ONE", *(f"S{n}" for n in range(62)), "TWO", name=name)
        execute(url, f"INSERT INTO market_data SELECT a.id, {bars}")
        places = {"DATABASE_URL": url, "NEXUS_HOME": str(folder), "HOME": str(folder)}
        yield Commands(folder, places)


def manifest(target: Path) -> dict[str, Any]:
    """The manifest, as JSON."""
    found: dict[str, Any] = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return found


def entries(target: Path, table: str = "bars") -> list[dict[str, Any]]:
    """What the manifest says of a table's files."""
    return [each for each in manifest(target)["files"] if each["table"] == table]


def paths(target: Path, table: str = "bars") -> set[str]:
    """Where a table's files lie."""
    return {each["path"] for each in entries(target, table)}


def lake_table(target: Path, table: str) -> pa.Table:
    """A table of the snapshot, all its files one after the other."""
    return pa.concat_tables(
        parquet.read_table(target / path) for path in sorted(paths(target, table))
    )


def lake_rows(target: Path) -> Rows:
    """All bars of a snapshot."""
    table = lake_table(target, "bars")
    days = table["date"].cast(pa.int32()).to_numpy().astype(np.int64)
    keys = key(table["asset_id"].to_numpy().astype(np.int64), days)
    values = np.column_stack([table[name].to_numpy() for name in COLUMNS])
    order = np.argsort(keys, kind="stable")
    return Rows(np.asarray(keys)[order], values[order])


def assert_equals_database(target: Path, url: str) -> None:
    """Every table holds what the database does, and every file is what the manifest says."""
    stored, found = stored_rows(url), lake_rows(target)
    assert np.array_equal(stored.keys, found.keys)
    assert np.array_equal(stored.values, found.values)
    for table in _ORDER:
        assert_table_equals(target, url, table)
    assert_whole(target)


def assert_table_equals(target: Path, url: str, table: str) -> None:
    """A small table holds the database's rows, as far as it has their columns."""
    ours = lake_table(target, table)
    names = [n for n in ours.column_names if n not in {"ticker", "first_bar", "last_bar"}]
    wanted = ["id" if table == "assets" and n == "asset_id" else n for n in names]
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, wanted)),
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, _ORDER[table])),
    )
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        rows = connection.execute(query).fetchall()
    assert [tuple(row.values()) for row in ours.select(names).to_pylist()] == rows, table


def assert_whole(target: Path) -> None:
    """Each file of the manifest is there and as described, and none but the superseded beside."""
    told = manifest(target)
    for each in told["files"]:
        content = (target / each["path"]).read_bytes()
        assert len(content) == each["bytes"]
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
        opened = parquet.ParquetFile(pa.BufferReader(content))
        assert opened.metadata.num_rows == each["rows"]
        if each["table"] == "bars":
            _assert_described(opened, each)
    there = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    named = {each["path"] for each in told["files"]} | set(told["superseded"])
    assert there == named | {"manifest.json", "lake.lock"}


def _assert_described(opened: parquet.ParquetFile, told: dict[str, Any]) -> None:
    """Dates and order are as the manifest and the file's own statistics say."""
    table = opened.read()
    dates = table["date"].to_pylist()
    assert [str(min(dates)), str(max(dates))] == [told["first_date"], told["last_date"]]
    covers = told["covers"]
    assert (covers["first_day"] or "") <= told["first_date"]
    assert told["last_date"] <= (covers["last_day"] or "9999")
    for number in range(opened.num_row_groups):
        group = opened.read_row_group(number)
        rows = list(zip(group["asset_id"].to_pylist(), group["date"].to_pylist(), strict=True))
        assert rows == sorted(rows)
        assert len({day.year for _, day in rows}) == 1
        statistics = opened.metadata.row_group(number).column(1).statistics
        assert (statistics.min, statistics.max) == (
            min(day for _, day in rows),
            max(day for _, day in rows),
        )


def part_of(target: Path, asset_id: int, day: date) -> str | None:
    """The path of the file that covers an asset's day; None if there is none."""
    return _covering(target)(asset_id, day)


def touched(target: Path, before: Rows, after: Rows) -> set[str]:
    """The files that hold rows that are new or other than before, or held those that are gone."""
    old = dict(zip(before.keys.tolist(), map(tuple, before.values.tolist()), strict=True))
    new = dict(zip(after.keys.tolist(), map(tuple, after.values.tolist()), strict=True))
    size, covering = 1 << 20, _covering(target)
    found = {
        covering(each // size, date(1970, 1, 1) + timedelta(each % size))
        for each in {*old, *new}
        if old.get(each) != new.get(each)
    }
    return {path for path in found if path}


def _covering(target: Path) -> Callable[[int, date], str | None]:
    size, told = manifest(target)["assets_a_part"], entries(target)
    assets = lake_table(target, "assets")
    exchanges = dict(
        zip(assets["asset_id"].to_pylist(), assets["exchange"].to_pylist(), strict=True)
    )

    def covering(asset_id: int, day: date) -> str | None:
        found = [
            each["path"]
            for each in told
            if each["covers"]["exchange"] == exchanges[asset_id]
            and each["covers"]["number"] == asset_id // size
            and (each["covers"]["first_day"] or "") <= str(day)
            and str(day) <= (each["covers"]["last_day"] or "9999")
        ]
        assert len(found) <= 1
        return next(iter(found), None)

    return covering
