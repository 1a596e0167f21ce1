"""Snapshots in an object store: a real server of S3 over HTTP that checks every signature."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pytest

import data_nexus as nexus
from data_nexus.errors import NexusError, StorageUnavailable, UsageError
from data_nexus.research.snapshots.schemas import TABLES
from data_nexus.research.snapshots.storage.open import open_storage
from tests.support.files.lakes import (
    assert_equals_database,
    export,
    lake_table,
    manifest,
    paths,
    touched,
)
from tests.support.files.object_store import BUCKET, ObjectStore, object_store
from tests.support.postgres.database import Cluster
from tests.support.postgres.rows import stored_rows
from tests.support.postgres.tables import add_assets, execute
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked
from tests.support.vendor.canary import disguises, leaks

WRONG_ACCESS, WRONG_SECRET = "AKIANOBODYHASTHISKEY", "no/such+secret/of=anybody"
SYMBOLS = [f"S{n}.US" for n in range(70)] + ["TEN.LSE"]


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


@pytest.fixture(scope="module")
def filled_once(cluster: Cluster) -> Iterator[str]:
    """A database of three parts and some years."""
    with cluster.fresh_database() as url:
        add_assets(url, *(f"S{n}" for n in range(70)))
        add_assets(url, "TEN", exchange="LSE")
        execute(
            url,
            "INSERT INTO market_data SELECT a.id, date '2019-06-03' + n, 9, 12, 8, 10, 5, n"
            " FROM assets a, generate_series(0, 2700, 90) AS n",
            "UPDATE assets SET last_bar = '2026-10-25'",
            "INSERT INTO splits (asset_id, date, numerator, denominator)"
            " VALUES (1, '2020-06-01', 4, 1)",
        )
        yield url


@pytest.fixture
def filled(cluster: Cluster, filled_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=filled_once) as url:
        yield url


def mirrored(store: ObjectStore, prefix: str, folder: Path) -> Path:
    """A folder with what lies in the store, as a folder's snapshot would."""
    (store.mirror(prefix, folder) / "lake.lock").touch()
    return folder


def delta_rows(store: ObjectStore, prefix: str, table: str) -> pa.Table:
    """A table as Delta's own library reads it, told of the store without our code."""
    options = store.environment | {"AWS_ALLOW_HTTP": "true"}
    found = import_module("deltalake").DeltaTable(
        f"s3://{BUCKET}/{prefix}/{table}", storage_options=options
    )
    return found.to_pyarrow_dataset().to_table()


def assert_delta_equals(store: ObjectStore, prefix: str, folder: Path) -> None:
    """Delta's reader finds the rows of the manifest's files, in every table."""
    for table in TABLES:
        own = lake_table(folder, table)
        order = [(name, "ascending") for name in own.column_names[:2]]
        found = delta_rows(store, prefix, table).select(own.column_names)
        assert found.sort_by(order).to_pylist() == own.sort_by(order).to_pylist()


def test_a_snapshot_equals_the_database(store: ObjectStore, filled: str, tmp_path: Path) -> None:
    figures = export(filled, store.address("deep/first"))
    assert_equals_database(mirrored(store, "deep/first", tmp_path), filled)
    assert figures["written"] == figures["files"] == len(manifest(tmp_path)["files"])
    lake, database = nexus.lake(store.address("deep/first")), nexus.connect(filled)
    for adjust in ("raw", "splits"):
        wanted = database.bars(SYMBOLS, "2019-09-01", adjust=adjust)
        assert lake.bars(SYMBOLS, "2019-09-01", adjust=adjust) == wanted
    last = "SELECT count(*) AS bars, max(date) AS last FROM"
    expected = database.sql(f"{last} market_data").to_pylist()
    assert lake.sql(f"{last} bars").to_pylist() == expected
    assert len(wanted) == 71 * 30


def test_each_object_is_written_by_one_request_and_the_manifest_last(
    store: ObjectStore, filled: str, tmp_path: Path
) -> None:
    before = len(store.asked())
    export(filled, store.address("requests"))
    written = [each for each in store.asked()[before:] if each[0] in ("PUT", "POST")]
    named = paths_of_all(mirrored(store, "requests", tmp_path))
    expected = {*named, "manifest.json"}
    assert {path.removeprefix("requests/") for _, path in written} == expected
    # An empty manifest claims the place, the real one ends the export.
    assert [method for method, _ in written] == ["PUT"] * (len(expected) + 1)
    assert written[-1][1] == "requests/manifest.json"


def paths_of_all(folder: Path) -> set[str]:
    return {path for table in TABLES for path in paths(folder, table)}


def test_a_refresh_writes_what_has_changed_and_keeps_what_it_supersedes_for_one_more(
    store: ObjectStore, filled: str, tmp_path: Path
) -> None:
    target = store.address("refreshed")
    export(filled, target)
    folder = mirrored(store, "refreshed", tmp_path / "first")
    opened, before, old = nexus.lake(target), stored_rows(filled), paths(folder)
    execute(filled, "UPDATE market_data SET open = 8 WHERE asset_id = 3 AND date = '2019-06-03'")
    asked = len(store.asked())
    export(filled, target)
    written = {path for method, path in store.asked()[asked:] if method == "PUT"}
    folder = mirrored(store, "refreshed", tmp_path / "second")
    assert_equals_database(folder, filled)
    changed = touched(folder, before, stored_rows(filled))
    assert written == {f"refreshed/{path}" for path in (*changed, "manifest.json")}
    assert len(manifest(folder)["superseded"]) == len(changed) == 1
    assert set(opened.bars("S2.US")["open"].to_pylist()) == {9}
    assert nexus.lake(target).bars("S2.US")["open"].to_pylist()[0] == 8
    assert export(filled, target)["removed"] == 1
    assert_equals_database(mirrored(store, "refreshed", tmp_path / "third"), filled)
    assert old - paths(tmp_path / "third") == set(manifest(folder)["superseded"])
    with pytest.raises(StorageUnavailable, match="open the snapshot again"):
        opened.bars("S2.US")


def test_what_is_somebody_elses_is_refused_and_stays(store: ObjectStore, filled: str) -> None:
    with store.files().open_output_stream(f"{BUCKET}/foreign/letters/mine.txt") as mine:
        mine.write(b"mine")
    before = len(store.asked())
    with pytest.raises(UsageError, match="'letters' and is not a snapshot; name an empty"):
        export(filled, store.address("foreign"))
    with pytest.raises(UsageError, match="is a file; name a folder"):
        export(filled, store.address("foreign/letters/mine.txt"))
    with pytest.raises(UsageError, match=f"s3://{BUCKET}/ is a whole bucket; name a prefix"):
        export(filled, store.address(""))
    assert {method for method, _ in store.asked()[before:]} <= {"GET", "HEAD"}


@pytest.fixture
def silent() -> Iterator[str]:
    """A port of this machine at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"endpoint_override=127.0.0.1:{taken.getsockname()[1]}&scheme=http&region=r"


@pytest.mark.parametrize("act", ["export", "open"])
def test_what_cannot_be_reached_is_told_in_one_sentence_without_keys(
    store: ObjectStore, filled: str, silent: str, act: str
) -> None:
    acts: dict[str, Callable[[str], object]] = {
        "export": lambda target: export(filled, target),
        "open": nexus.lake,
    }
    for target, told in (
        (store.address("lake", bucket="nowhere"), "there is no bucket nowhere; create it first"),
        (store.address("lake", options=silent), "NETWORK_CONNECTION"),
        (store.address("lake", secret_key=WRONG_SECRET), "SIGNATURE_DOES_NOT_MATCH|ACCESS_DENIED"),
        (store.address("lake", access_key=WRONG_ACCESS), "ACCESS_DENIED"),
    ):
        with pytest.raises(StorageUnavailable, match=told) as caught:
            acts[act](target)
        assert "\n" not in str(caught.value)
        for secret in (store.secret_key, store.access_key, WRONG_ACCESS, WRONG_SECRET):
            assert disguises(str(caught.value).encode(), secret) == []


def test_a_refused_manifest_leaves_the_old_snapshot(store: ObjectStore, filled: str) -> None:
    target = store.address("refused")
    export(filled, target)
    before = nexus.lake(target).bars("S1.US")
    execute(filled, "UPDATE market_data SET open = 8")
    store.hold("refused/manifest.json")
    with ThreadPoolExecutor(1) as pool:
        exporting = pool.submit(export, filled, target)
        store.await_held()
        store.release(done=False)
        assert isinstance(exporting.exception(), StorageUnavailable)
    assert nexus.lake(target).bars("S1.US") == before


def commands_at(folder: Path, url: str, **environment: str) -> Commands:
    places = {"HOME": str(folder), "NEXUS_HOME": str(folder), "DATABASE_URL": url}
    return Commands(folder, places | environment)


def test_keys_of_an_address_are_written_nowhere(
    store: ObjectStore, filled: str, tmp_path: Path
) -> None:
    commands = commands_at(tmp_path / "home", filled)
    commands.folder.mkdir()
    target = store.address("secret")
    done = commands.run(
        "export", "lake", "--to", target, "--format", "delta", "--log-level", "debug"
    )
    assert done.code == 0, done.stderr
    (tmp_path / "said").write_text(done.stdout + done.stderr)
    store.mirror("secret", tmp_path / "mirror")
    assert len([*tmp_path.rglob("*")]) > 20
    for key in (store.secret_key, store.access_key):
        assert leaks([tmp_path], key) == {}


def test_delta_tables_equal_the_database_after_each_refresh(
    store: ObjectStore, filled: str, tmp_path: Path
) -> None:
    target = store.address("delta")
    export(filled, target, delta=True)
    for number in range(2):
        folder = mirrored(store, "delta", tmp_path / str(number))
        assert_equals_database(folder, filled)
        assert_delta_equals(store, "delta", folder)
        execute(filled, "UPDATE market_data SET open = open + 1 WHERE asset_id = 1")
        export(filled, target)


def test_keys_and_endpoint_of_the_environment_reach_both_libraries(
    store: ObjectStore, filled: str, tmp_path: Path
) -> None:
    export_command = ("export", "lake", "--format", "delta", "--to")
    commands = commands_at(tmp_path, filled, **store.environment)
    done = commands.run(*export_command, f"s3://{BUCKET}/environment")
    assert done.code == 0, done.stderr
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id={store.access_key}\naws_secret_access_key={store.secret_key}"
    )
    by_file = commands_at(tmp_path, filled)
    done = by_file.run(*export_command, f"s3://{BUCKET}/environment?{store.options}")
    assert (done.code, "0 files written" in done.stdout) == (0, True), done.stderr
    folder = mirrored(store, "environment", tmp_path / "mirror")
    assert_delta_equals(store, "environment", folder)


@pytest.mark.parametrize("at", ["bars/_delta_log", "manifest.json"])
def test_two_exports_at_once_both_end_well_and_the_next_equals_the_database(
    store: ObjectStore, filled: str, tmp_path: Path, at: str
) -> None:
    prefix = f"both/{at[:4]}"
    export(filled, store.address(prefix), delta=True)
    # Both bring a file of a part that was not there, so that neither takes one away.
    execute(filled, "INSERT INTO market_data VALUES (1, '1971-11-19', 8, 9, 7, 8, 8, 1)")
    store.hold(f"{prefix}/{at}")
    commands = commands_at(tmp_path, filled)
    with forked(commands, "export", "lake", "--to", store.address(prefix)) as slow:
        store.await_held()
        execute(filled, "INSERT INTO market_data VALUES (1, '1971-11-20', 7, 9, 7, 8, 8, 1)")
        export(filled, store.address(prefix))
        store.release()
        slow.join(60)
    assert slow.exitcode == 0
    last = mirrored(store, prefix, tmp_path / "last")
    assert set(lake_table(last, "bars")["open"].to_pylist()) == {8, 9}
    bars = delta_rows(store, prefix, "bars").select(["asset_id", "date"]).to_pylist()
    assert len({tuple(bar.values()) for bar in bars}) == len(bars)
    export(filled, store.address(prefix))
    folder = mirrored(store, prefix, tmp_path / "next")
    assert set(lake_table(folder, "bars")["open"].to_pylist()) == {7, 8, 9}
    assert_delta_equals(store, prefix, folder)


def test_no_error_of_an_address_shows_what_could_be_a_key() -> None:
    for target in (
        "s3://KEY:SE/CRET@bucket/lake",
        "s3://KEY:SE?CRET@bucket/lake",
        "s3://KEY:SE#CRET@bucket/lake",
        "s3://KEY:SE@CRET@bucket/lake",
        "s3://KEY:SE@CR/ET@bucket/lake",
        "s3://KEY:SECRET@bucket/my lake",
        "s3://KEY:SECRET@bucket",
        "s3://KEY:SECRET@/lake",
        "s3://KEY:SECRET@bucket/lake?regoin=r",
        "s3://SECRET@bucket/lake",
    ):
        with pytest.raises(NexusError) as caught:
            open_storage(target)
        assert "SE" not in str(caught.value).replace("s3://KEY:SECRET@bucket/prefix", "")
