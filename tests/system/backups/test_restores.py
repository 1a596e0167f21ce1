"""`nexus db backup` and what restores it: full, incremental, to a moment, as a dump, by a job."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import psycopg
import pytest

from data_nexus.backup.folder import BackupFolder
from data_nexus.backup.manifest import write_manifest
from data_nexus.database.embedded import embedded_server
from tests.support.postgres.tables import eventually, execute, rows, value
from tests.support.programs.commands import Commands
from tests.system.backups.places import NAMES, NOTE, Place

BARS = "SELECT count(*) FROM market_data"
NEVER = ("--schedule", "cron 0 0 29 2 *")
FOLLOWED = (
    "SELECT active_pid FROM pg_replication_slots"
    " WHERE starts_with(slot_name, 'nexus_backup_') AND active"
)


def test_a_backup_on_another_is_restored_whole_and_the_next_update_goes_on(
    place: Place, home: Path
) -> None:
    execute(place.url, NOTE.format("before it"))
    commands, to = place.commands, ("--to", str(place.backups))
    made = commands.run("db", "backup", *to, "--incremental", "--json").answer["backup"]
    assert (made["kind"], bool(made["parent"])) == ("incremental", True)
    execute(place.url, NOTE.format("after it"))
    report = place.restored(home)
    assert (set(report["broken"].values()), report["damaged"]) == ({0}, {})
    there = Commands(commands.folder, {**commands.environment, "NEXUS_HOME": str(home)})
    with embedded_server(home) as url:
        found = {name for (name,) in rows(url, NAMES)}
        assert ("before it" in found, "after it" in found) == (True, False)
        assert value(url, BARS) == made["rows"]["market_data"] > 500
        assert there.run("update").code == 0
    refused = commands.run("db", "restore", "--from", str(place.backups), "--into", str(home))
    assert (refused.code, "--replace" in refused.stderr) == (2, True)


def test_a_restore_to_a_moment_has_what_was_committed_until_then(place: Place, home: Path) -> None:
    """Who streams is killed, and begins again: nothing that was streamed is lost."""
    to = ("--to", str(place.backups))
    with place.commands.running("db", "backup", *to, "--follow") as following:
        eventually(lambda: rows(place.url, FOLLOWED), 60)
        execute(place.url, NOTE.format("before"))
        moment = value(place.url, "SELECT clock_timestamp()")
        execute(place.url, NOTE.format("later"))
        orphan = rows(place.url, FOLLOWED)
        following.signal(signal.SIGKILL)
    with place.commands.running("db", "backup", *to, "--follow") as following:
        eventually(lambda: rows(place.url, FOLLOWED) not in ([], orphan), 60)
        execute(place.url, NOTE.format("latest"))
        streamed = "SELECT flush_lsn >= pg_current_wal_flush_lsn() FROM pg_stat_replication"
        eventually(lambda: rows(place.url, streamed) == [(True,)])
        following.signal(signal.SIGTERM)
        assert following.end().code == 0
    place.restored(home, "--to-moment", f"{moment:%Y-%m-%dT%H:%M:%S.%f}")
    with embedded_server(home) as url:
        found = {name for (name,) in rows(url, NAMES)}
    assert ("before" in found, "later" in found) == (True, False)
    report = place.restored(home, "--replace")
    with embedded_server(home) as url:
        assert {"later", "latest"} <= {name for (name,) in rows(url, NAMES)}
    assert Path(report["replaced"], "PG_VERSION").exists()


def test_a_dump_fills_another_home_or_a_servers_database(
    place: Place, home: Path, tmp_path: Path
) -> None:
    """What an upgrade to another major version of PostgreSQL goes by."""
    kept, commands = ("--from", str(tmp_path / "dumps")), place.commands
    execute(place.url, NOTE.format("in a dump"))
    dumped = commands.run("db", "backup", "--dump", "--to", kept[1], "--json").answer["backup"]
    report = place.restored(home, backups=tmp_path / "dumps")
    assert (report["differing"], report["rows"]) == ({}, sum(dumped["rows"].values()))
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE other")
    other = place.url.replace("@/nexus?", "@/other?")
    there = Commands(tmp_path, {**commands.environment, "DATABASE_URL": other})
    assert there.run("db", "restore", *kept).code == 0
    assert ("in a dump",) in rows(other, NAMES)
    refused = there.run("db", "restore", *kept)
    assert (refused.code, "nothing was restored" in refused.stderr) == (2, True)
    assert there.run("db", "backup", "--to", kept[1]).code == 0
    assert len(BackupFolder(tmp_path / "dumps").backups()) == 2


def test_jobs_back_up_and_drill(place: Place, tmp_path: Path) -> None:
    commands, folder = place.commands, tmp_path / "nightly"
    for action in ("backup", "drill"):
        told = ("--action", action, "--to", str(folder), *NEVER)
        assert commands.run("jobs", "add", f"my-{action}", *told).code == 0
    failed = commands.run("jobs", "run", "my-drill")
    assert (failed.code, "where are the backups?" in failed.stdout) == (3, True), failed
    for action in ("backup", "drill"):
        (run,) = commands.run("jobs", "run", f"my-{action}", "--json").answer["runs"]
        assert run["outcome"] == "done", run
        assert BackupFolder(folder).backups()[0].name in run["detail"]
    newest = BackupFolder(folder).backups()[-1]
    counted = newest.rows | {"market_data": newest.rows["market_data"] + 1}
    write_manifest(folder / newest.name, msgspec.structs.replace(newest, rows=counted))
    (run,) = commands.run("jobs", "run", "my-drill", "--json").answer["runs"]
    assert run["outcome"] == "failed"
    assert f"and not {counted['market_data']}" in run["detail"]
    last = {job["name"]: job["last_success"] for job in _jobs(commands)}
    assert last["my-backup"]


def test_a_daemon_that_is_to_end_ends_the_backup_too(place: Place, tmp_path: Path) -> None:
    """It waits for a writer, who does not come to an end."""
    commands, folder = place.commands, tmp_path / "nightly"
    told = ("--action", "backup", "--to", str(folder), *NEVER)
    assert commands.run("jobs", "add", "endless", *told).code == 0
    with psycopg.connect(place.url) as writing:
        writing.execute(NOTE.format("never committed"))
        with commands.running("jobs", "run", "endless", "--json") as running:
            eventually(lambda: list(folder.glob("draft-*/data/backup_manifest")), 60)
            running.signal(signal.SIGTERM)
            (run,) = running.end().answer["runs"]
        writing.rollback()
    assert (run["outcome"], list(folder.glob("*-*"))) == ("drained", [])


def _jobs(commands: Commands) -> list[dict[str, object]]:
    return list(commands.run("jobs", "list", "--json").answer["jobs"])


def test_a_second_backup_at_once_is_refused(place: Place) -> None:
    with BackupFolder(place.backups).locked():
        done = place.commands.run("db", "backup", "--to", str(place.backups))
    assert (done.code, f"process {os.getpid()}" in done.stderr) == (7, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_leaves_the_old_backup_whole(place: Place, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=110m,mode=0700", "tmpfs", str(disk)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    try:
        options = ("db", "backup", "--full", "--to", str(disk))
        assert place.commands.run(*options).code == 0
        failed = place.commands.run(*options)
        assert (failed.code, "No space left" in failed.stderr) == (7, True), failed.stderr
        assert place.commands.run("db", "verify", "--from", str(disk)).code == 0
        assert list(disk.glob("draft-*")) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S607
