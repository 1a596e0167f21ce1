"""`nexus db backup` and what restores it: full, incremental, to a moment; damaged ones refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from data_nexus.database.backup.folder import BackupFolder
from data_nexus.database.backup.manifest import digest_of, write_manifest
from data_nexus.database.backup.proving import prove
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.errors import StorageDamaged
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import sandbox

NOTE = "INSERT INTO watchlists (name) VALUES ('{}')"
NAMES = "SELECT name FROM watchlists ORDER BY name"


@dataclass(frozen=True)
class Place:
    """A loaded home whose server stays up, its URL, and a folder with a full backup."""

    commands: Commands
    home: Path
    url: str
    backups: Path

    def restored(self, home: Path, *options: str, backups: Path | None = None) -> dict[str, object]:
        """What `nexus db restore` answers."""
        source = ("--from", str(backups or self.backups))
        done = self.commands.run("db", "restore", *source, "--into", str(home), "--json", *options)
        assert done.code == 0, done.stderr
        return dict(done.answer)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("backups")
    with sandbox(symbols=6, years=2, clean=True) as vendor:
        commands = commands_at(folder, vendor)
        home, backups = folder / "nexus", folder / "kept"
        try:
            with embedded_server(home) as url:
                assert commands.run("discover", "--exchange", "US").code == 0
                assert commands.run("backfill", "--exchange", "US").code == 0
                made = commands.run("db", "backup", "--to", str(backups))
                assert made.code == 0, made.stderr
                yield Place(commands, home, url, backups)
        finally:
            remove(home)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home to restore into, deleted with its cluster."""
    yield tmp_path / "restored"
    remove(tmp_path / "restored")


@pytest.fixture
def copied(place: Place, tmp_path: Path) -> BackupFolder:
    """A copy of the folder with its newest backup, to be damaged."""
    shutil.copytree(place.backups, tmp_path / "copied")
    return BackupFolder(tmp_path / "copied")


def flip(file: Path, at: float) -> None:
    """Flip a bit of a file, at a share of its length."""
    with file.open("r+b") as opened:
        position = int((file.stat().st_size - 1) * at)
        opened.seek(position)
        byte = opened.read(1)[0]
        opened.seek(position)
        opened.write(bytes([byte ^ 1]))


def test_a_backup_on_another_is_restored_whole_and_the_next_update_goes_on(
    place: Place, home: Path
) -> None:
    execute(place.url, NOTE.format("after the full one"))
    commands, to = place.commands, ("--to", str(place.backups))
    made = commands.run("db", "backup", *to, "--incremental", "--json").answer["backup"]
    assert (made["kind"], made["parent"][-5:]) == ("incremental", "-full")
    execute(place.url, NOTE.format("after both"))
    report = place.restored(home)
    assert set(report["broken"].values()) == {0}  # type: ignore[attr-defined]
    there = Commands(place.commands.folder, {**commands.environment, "NEXUS_HOME": str(home)})
    with embedded_server(home) as url:
        assert rows(url, NAMES) == [("after the full one",)]
        assert value(url, "SELECT count(*) FROM market_data") == made["rows"]["market_data"] > 2000
        assert there.run("update").code == 0
    assert place.commands.run("db", "drill", "--from", str(place.backups)).code == 0
    refused = place.commands.run("db", "restore", "--from", str(place.backups), "--into", str(home))
    assert (refused.code, "--replace" in refused.stderr) == (2, True)


def test_a_restore_to_a_moment_has_what_was_committed_until_then(place: Place, home: Path) -> None:
    """The stream and the server's user are killed: nothing that was streamed is lost."""
    to = ("--to", str(place.backups))
    with place.commands.running_process("db", "backup", *to, "--follow") as following:
        eventually(lambda: list((place.backups / "wal").glob("*/*.partial")))
        execute(place.url, NOTE.format("before"))
        time.sleep(0.1)
        moment = datetime.now(UTC)
        time.sleep(0.1)
        execute(place.url, NOTE.format("later"))
        time.sleep(1.0)
        following.signal(signal.SIGKILL)
    place.restored(home, "--to-moment", f"{moment:%Y-%m-%dT%H:%M:%S.%f}")
    with embedded_server(home) as url:
        found = {name for (name,) in rows(url, NAMES)}
    assert ("before" in found, "later" in found) == (True, False)
    place.restored(home, "--replace")
    with embedded_server(home) as url:
        assert "later" in {name for (name,) in rows(url, NAMES)}


def test_a_flipped_bit_is_refused_wherever_it_is(copied: BackupFolder, home: Path) -> None:
    newest = copied.backups()[-1]
    data = copied.path / newest.name / "data"
    log = max(each for each in (data / "pg_wal").iterdir() if each.is_file())
    files = [data / "backup_manifest", data / "backup_label", data / "global" / "pg_control", log]
    for file in [*files, copied.path / newest.name / "manifest.json"]:
        flip(file, 0.6)
        with pytest.raises(StorageDamaged, match=f"{newest.name} is damaged"):
            prove(copied, copied.read(newest.name))
        flip(file, 0.6)
    prove(copied, newest)
    assert not home.exists()


def test_a_damaged_backup_is_restored_by_no_command(
    place: Place, copied: BackupFolder, home: Path
) -> None:
    flip(next((copied.path / copied.backups()[0].name / "data" / "base").glob("*/1259")), 0.5)
    options = ("--from", str(copied.path))
    for arguments in (("restore", "--into", str(home)), ("verify",), ("drill",)):
        done = place.commands.run("db", *arguments, *options)
        assert (done.code, "is damaged" in done.stderr) == (7, True), done.stderr
    assert not (home / "postgres" / "cluster").exists()


def test_a_link_in_a_backup_is_refused(copied: BackupFolder) -> None:
    newest = copied.backups()[-1]
    data = copied.path / newest.name / "data"
    (data / "pg_tblspc" / "1").symlink_to("/")
    with pytest.raises(StorageDamaged, match="is a link"):
        prove(copied, newest)


def test_settings_in_a_backup_are_not_followed(
    place: Place, copied: BackupFolder, home: Path, tmp_path: Path
) -> None:
    """All checksums fit, as of a backup that was made of a hostile cluster."""
    mark = tmp_path / "PWNED"
    newest = copied.backups()[0]
    for later in copied.backups()[1:]:
        shutil.rmtree(copied.path / later.name)
    shutil.rmtree(copied.path / "wal", ignore_errors=True)
    data = copied.path / newest.name / "data"
    evil = f"restore_command = 'touch {mark}'\nrecovery_end_command = 'touch {mark}'\n"
    conf = data / "postgresql.conf"
    with conf.open("a") as file:
        file.write(evil)
    listed = json.loads((data / "backup_manifest").read_text())
    for each in listed["Files"]:
        if each.get("Path") == "postgresql.conf":
            each |= {"Size": conf.stat().st_size, "Checksum": digest_of(conf)}
    (data / "backup_manifest").write_text(json.dumps(listed))
    files = newest.files | {"backup_manifest": digest_of(data / "backup_manifest")}
    write_manifest(data.parent, msgspec.structs.replace(newest, files=files))
    place.restored(home, backups=copied.path)
    assert not mark.exists()


def test_a_drill_finds_other_rows(place: Place, copied: BackupFolder) -> None:
    newest = copied.backups()[-1]
    counted = newest.rows | {"market_data": newest.rows["market_data"] + 1}
    write_manifest(copied.path / newest.name, msgspec.structs.replace(newest, rows=counted))
    done = place.commands.run("db", "drill", "--from", str(copied.path), "--json")
    assert (done.code, list(done.answer["differing"])) == (3, ["market_data"])


def test_the_oldest_are_dropped_but_not_what_a_kept_one_needs(copied: BackupFolder) -> None:
    first = copied.backups()[0]
    for number in range(1, 4):
        name = (
            f"2099010{number}T000000Z-incremental"
            if number == 3
            else f"2099010{number}T000000Z-full"
        )
        (copied.path / name).mkdir()
        at = datetime(2099, 1, number, tzinfo=UTC)
        parent = "20990102T000000Z-full" if number == 3 else None
        made = msgspec.structs.replace(first, name=name, complete_at=at, parent=parent)
        write_manifest(copied.path / name, made)
    copied.drop_old(keep=1)
    assert [each.name[:8] for each in copied.backups()] == ["20990102", "20990103"]


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


def test_a_servers_database_is_dumped_and_restored(
    place: Place, cluster: Cluster, tmp_path: Path
) -> None:
    kept = str(tmp_path / "dumps")
    with cluster.fresh_database() as url, cluster.fresh_database() as other:
        execute(url, NOTE.format("on a server"))
        execute(other, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        environment = place.commands.environment
        here = Commands(tmp_path, {**environment, "DATABASE_URL": url})
        there = Commands(tmp_path, {**environment, "DATABASE_URL": other})
        assert here.run("db", "backup", "--to", kept).code == 0
        assert here.run("db", "drill", "--from", kept).code == 0
        refused = here.run("db", "restore", "--from", kept)
        assert (refused.code, "nothing was restored" in refused.stderr) == (2, True)
        assert there.run("db", "restore", "--from", kept).code == 0
        assert rows(other, NAMES) == [("on a server",)]
