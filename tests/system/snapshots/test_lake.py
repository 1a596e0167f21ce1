"""Snapshots: equal to the database at one moment, and refreshed by writing what has changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import LiteralString

import numpy as np
import psycopg
import pytest

import data_nexus as nexus
from data_nexus.errors import StorageUnavailable, UsageError
from data_nexus.research.snapshots.layout import OUR_FILE
from data_nexus.research.snapshots.storage.open import open_storage
from tests.support.files.lakes import (
    assert_equals_database,
    assert_whole,
    entries,
    export,
    lake_rows,
    lake_table,
    manifest,
    part_of,
    paths,
    touched,
)
from tests.support.postgres.database import Cluster
from tests.support.postgres.rows import stored_rows
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.actions import MONDAY, TUESDAY_MORNING, publish, vendor_on_friday
from tests.support.vendor.nights import update_at
from tests.support.vendor.sandbox import Sandbox

# Enough for three parts; one more asset is of another exchange.
ASSETS = 140


@pytest.fixture(scope="module")
def filled_once(cluster: Cluster) -> Iterator[str]:
    """A database of many assets with a bar every third day of 2013 to 2026."""
    with cluster.fresh_database() as url:
        add_assets(url, *(f"S{n}" for n in range(ASSETS)))
        add_assets(url, "TEN", exchange="LSE")
        execute(
            url,
            "INSERT INTO market_data SELECT a.id, date, 9 + a.id, 12 + a.id, 8 + a.id,"
            " 10 + a.id + d % 7, 5, 1000 + d % 11"
            " FROM assets a CROSS JOIN (SELECT date '2013-06-03' + n AS date, n AS d"
            " FROM generate_series(0, 4918, 3) AS n) AS days WHERE a.id % 9 = 1 OR d % 90 = 0",
            "UPDATE assets a SET last_bar = (SELECT max(date) FROM market_data m"
            " WHERE m.asset_id = a.id)",
            "INSERT INTO splits (asset_id, date, numerator, denominator)"
            " VALUES (1, '2020-06-01', 4, 1)",
            "INSERT INTO dividends (asset_id, date, value) VALUES (1, '2021-06-01', 0.5)",
        )
        yield url


@pytest.fixture
def filled(cluster: Cluster, filled_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=filled_once) as url:
        yield url


def test_a_snapshot_equals_the_database(filled: str, tmp_path: Path) -> None:
    figures = export(filled, tmp_path / "lake")
    assert_equals_database(tmp_path / "lake", filled)
    assert figures["bars"] == value(filled, "SELECT count(*) FROM market_data")
    assert figures["written"] == figures["files"] == len(manifest(tmp_path / "lake")["files"])


def test_what_is_as_before_is_not_written_again(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path)
    first = {path: path.stat() for path in tmp_path.rglob("*.parquet")}
    figures = export(filled, tmp_path)
    assert (figures["written"], figures["bytes_written"], figures["generation"]) == (0, 0, 2)
    assert {path: path.stat() for path in tmp_path.rglob("*.parquet")} == first
    assert_equals_database(tmp_path, filled)


CHANGES: dict[str, LiteralString] = {
    "restated": "UPDATE market_data SET close = 3 WHERE asset_id = 73 AND date = '2019-11-17'",
    "re-based": "UPDATE market_data SET adjusted_close = adjusted_close / 2"
    " WHERE asset_id = 10 AND date < '2020-06-01'",
    "volume to the last digit": "UPDATE market_data SET volume = volume + 1e-10"
    " WHERE asset_id = 1 AND date = '2026-11-16'",
    "filled hole": "INSERT INTO market_data VALUES (10, '2016-02-29', 1, 2, 1, 2, 2, 5)",
    "deleted row": "DELETE FROM market_data WHERE asset_id = 1 AND date = '2013-06-03'",
    "deleted history": "DELETE FROM market_data WHERE asset_id = 141",
    "two values exchanged": "UPDATE market_data SET close = 24 - close"
    " WHERE asset_id = 1 AND date IN ('2014-06-04', '2014-06-07') AND close <> 12",
    "new bar": "INSERT INTO market_data VALUES (139, '2026-11-20', 1, 2, 1, 2, 2, 5)",
    "bar of long ago": "INSERT INTO market_data VALUES (139, '1971-11-20', 1, 2, 1, 2, 2, 5)",
    "bar of a day to come": "INSERT INTO market_data VALUES (139, '2090-11-20', 1, 2, 1, 2, 2, 5)",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_refresh_writes_the_files_of_changed_bars_and_no_others(
    filled: str, tmp_path: Path, change: LiteralString
) -> None:
    export(filled, tmp_path)
    before, old = stored_rows(filled), paths(tmp_path)
    execute(filled, change)
    export(filled, tmp_path)
    assert_equals_database(tmp_path, filled)
    after = stored_rows(filled)
    assert not np.array_equal(before.values, after.values)
    assert paths(tmp_path) - old == touched(tmp_path, before, after)


SMALL_CHANGES: dict[str, LiteralString] = {
    "rename": "UPDATE assets SET symbol = 'NEW' WHERE id = 7",
    "retired": "UPDATE assets SET retired_at = now(), is_delisted = true WHERE id = 7",
    "new asset": "INSERT INTO assets (symbol, exchange) VALUES ('FRESH', 'US')",
    "new split": "INSERT INTO splits (asset_id, date, numerator, denominator)"
    " VALUES (2, '2020-06-01', 1, 10)",
    "withdrawn dividend": "DELETE FROM dividends",
}


@pytest.mark.parametrize("change", SMALL_CHANGES.values(), ids=SMALL_CHANGES)
def test_a_change_that_touches_no_bar_rewrites_one_small_table(
    filled: str, tmp_path: Path, change: LiteralString
) -> None:
    export(filled, tmp_path)
    execute(filled, change)
    assert export(filled, tmp_path)["written"] == 1
    assert_equals_database(tmp_path, filled)


def test_new_months_and_years_are_taken_over_into_longer_periods(
    filled: str, tmp_path: Path
) -> None:
    for day in ("2026-12-01", "2027-01-04", "2030-01-02"):
        export(filled, tmp_path)
        execute(filled, "UPDATE assets SET last_bar = NULL WHERE id = 1")
        with psycopg.connect(filled) as connection:
            bar = "INSERT INTO market_data VALUES (1, %s, 1, 2, 1, 2, 2, 5)"
            connection.execute(bar, [day])
            connection.execute("UPDATE assets SET last_bar = %s WHERE id = 1", [day])
        export(filled, tmp_path)
        assert_equals_database(tmp_path, filled)
        last = part_of(tmp_path, 1, date.fromisoformat(day))
        assert [e["rows"] for e in entries(tmp_path) if e["path"] == last] == [1]


def test_a_night_rewrites_the_running_month_and_what_it_re_based(
    read: str, vendor: Sandbox, tmp_path: Path
) -> None:
    export(read, tmp_path)
    assert_equals_database(tmp_path, read)
    before, old = stored_rows(read), paths(tmp_path)
    vendor.post("/actions", {"symbol": "AAPL.US", "date": MONDAY, "dividend": 0.75})
    publish(vendor, MONDAY)
    assert update_at(TUESDAY_MORNING, vendor, read).inserted > 0
    figures = export(read, tmp_path)
    assert_equals_database(tmp_path, read)
    assert paths(tmp_path) - old == touched(tmp_path, before, stored_rows(read))
    assert 0 < figures["written"] < figures["files"]


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with vendor_on_friday() as running:
        yield running


def test_who_reads_meanwhile_has_the_old_snapshot_for_one_refresh(
    filled: str, tmp_path: Path
) -> None:
    export(filled, tmp_path)
    # What was read stays mapped; what was not is there on the disk still.
    opened, unread = nexus.lake(str(tmp_path)), nexus.lake(str(tmp_path))
    before = opened.bars("S0.US")
    execute(filled, "UPDATE market_data SET open = 1")
    export(filled, tmp_path)
    assert opened.bars("S0.US") == unread.bars("S0.US") == before
    assert nexus.lake(str(tmp_path)).bars("S0.US") != before
    execute(filled, "UPDATE market_data SET open = 2")
    export(filled, tmp_path)
    assert_whole(tmp_path)
    assert nexus.lake(str(tmp_path)).bars("S0.US")["open"].unique().to_pylist() == [2]


def test_a_snapshot_is_of_one_moment_whatever_is_committed_meanwhile(
    filled: str, tmp_path: Path
) -> None:
    execute(filled, "UPDATE market_data SET volume = 0")
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(filled) as connection:
            while not stop.is_set():
                connection.execute(
                    "UPDATE market_data SET volume = volume + 1 WHERE asset_id % 60 = 1"
                )
                connection.execute("UPDATE assets SET name = name::int + 1 WHERE id = 1")
                connection.commit()

    execute(filled, "UPDATE assets SET name = '0' WHERE id = 1")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):
            export(filled, tmp_path)
            bars, assets = lake_table(tmp_path, "bars"), lake_table(tmp_path, "assets")
            moved = bars.filter(np.isin(bars["asset_id"].to_numpy() % 60, [1]))
            (volume,) = moved["volume"].unique().to_pylist()
            assert assets["name"][0].as_py() == f"{volume:g}"
    finally:
        stop.set()
        writer.join()


def test_the_moment_is_that_of_the_database(filled: str, tmp_path: Path) -> None:
    before = value(filled, "SELECT now()")
    export(filled, tmp_path)
    assert before < nexus.lake(str(tmp_path)).moment < value(filled, "SELECT now()")


def test_a_lost_or_cut_file_is_written_again(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path)
    lost, cut, *_ = sorted(path for path in paths(tmp_path) if "US" in path)
    (tmp_path / lost).unlink()
    (tmp_path / cut).write_bytes((tmp_path / cut).read_bytes()[:-9])
    with pytest.raises(StorageUnavailable, match="the next export writes it again"):
        nexus.lake(str(tmp_path)).bars([f"S{n}.US" for n in range(ASSETS)])
    export(filled, tmp_path)
    assert_equals_database(tmp_path, filled)


def test_a_folder_of_somebody_elses_is_refused_and_stays(filled: str, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="'letters' and is not a snapshot; name an empty folder"):
        export(filled, tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["letters", "mine.txt"]
    with pytest.raises(UsageError, match="is a file; name a folder"):
        export(filled, tmp_path / "letters" / "mine.txt")


@pytest.mark.parametrize("content", ["{}", "[]", "no json", '{"kind": "other", "format": 1}'])
def test_a_manifest_of_something_else_is_refused(filled: str, tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UsageError, match=r"manifest\.json"):
        export(filled, tmp_path)
    with pytest.raises(UsageError, match=r"manifest\.json"):
        nexus.lake(str(tmp_path))
    assert (tmp_path / "manifest.json").read_text() == content


def test_files_of_others_inside_a_snapshot_are_left_alone(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path)
    mine = [tmp_path / "notes.txt", tmp_path / "bars" / "exchange=US" / "mine.parquet"]
    for each in mine:
        each.write_text("mine")
    execute(filled, "UPDATE market_data SET open = 1")
    export(filled, tmp_path)
    export(filled, tmp_path)
    assert [each.read_text() for each in mine] == ["mine", "mine"]


def test_a_later_format_is_refused_with_the_remedy(filled: str, tmp_path: Path) -> None:
    export(filled, tmp_path)
    later = manifest(tmp_path) | {"format": 2, "files": "of another kind"}
    (tmp_path / "manifest.json").write_text(json.dumps(later))
    for act in (lambda: nexus.lake(str(tmp_path)), lambda: export(filled, tmp_path)):
        with pytest.raises(UsageError, match="format 2, this version reads format 1; use the"):
            act()
    assert manifest(tmp_path) == later


def test_two_exports_do_not_write_to_one_place(filled: str, tmp_path: Path) -> None:
    with (
        open_storage(str(tmp_path)).locked(),
        pytest.raises(UsageError, match="another export is writing"),
    ):
        export(filled, tmp_path)


def test_no_name_makes_a_path_outside_the_target(filled: str, tmp_path: Path) -> None:
    hostile = ["../x", "CON", "=cmd|'/c calc'!A0", "a\nb", "x" * 4000, "/etc/x", "..", "C:\\x"]
    for exchange in ("US", "../../..", "/", "CON", "..", "a/b", "exchange=", "É", "", "x" * 200):
        ids = add_assets(filled, *hostile, exchange=exchange, name="../../name\n")
        with psycopg.connect(filled) as connection:
            connection.execute(
                "INSERT INTO market_data SELECT id, '2026-11-20', 1, 2, 1, 2, 2, 5"
                " FROM unnest(%s::int[]) AS id",
                [ids],
            )
    target = tmp_path / "deep" / "lake"
    export(filled, target)
    assert_equals_database(target, filled)
    assert all(OUR_FILE.fullmatch(each["path"]) for each in manifest(target)["files"])
    beside = [path for path in tmp_path.rglob("*") if target not in (path, *path.parents)]
    assert beside == [tmp_path / "deep"]
    opened = nexus.lake(str(target))
    everybody = (
        opened.assets().select(["asset_id", "ticker"]).rename_columns(["asset_id", "symbol"])
    )
    assert len(opened.bars(everybody)) == value(filled, "SELECT count(*) FROM market_data")


def test_the_command_tells_what_it_did(filled: str, tmp_path: Path, vendor: Sandbox) -> None:
    commands = commands_at(tmp_path, vendor, filled)
    done = commands.run("export", "lake", "--to", "lake", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.answer["bars"] == value(filled, "SELECT count(*) FROM market_data")
    assert done.answer["files"] == len(manifest(tmp_path / "lake")["files"])
    smaller = commands.run(
        "export", "lake", "--to", "lake", "--compression", "zstd", "--json"
    ).answer
    assert smaller["bytes"] < done.answer["bytes"]
    assert smaller["kept"] == 5
    assert "0 files written" in commands.run("export", "lake", "--to", "lake").stdout
    refused = commands.run("export", "lake", "--to", "ftp://x/y")
    assert (refused.code, "a folder or s3://bucket/prefix" in refused.stderr) == (2, True)
    assert rows(filled, "SELECT count(*) FROM runs") == [(0,)]
    assert len(lake_rows(tmp_path / "lake")) == done.answer["bars"]
