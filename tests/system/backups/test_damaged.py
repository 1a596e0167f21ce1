"""What is wrong with a backup is found: by its checksums, or by restoring it on trial."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from data_nexus.backup.folder import BackupFolder, name_at
from data_nexus.backup.manifest import write_manifest
from data_nexus.backup.proving import prove
from data_nexus.database.embedded import embedded_server
from data_nexus.errors import StorageDamaged
from tests.support.postgres.tables import eventually, value
from tests.support.programs.commands import Commands
from tests.system.backups.places import Place, flip, forge


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder for temporary files that a server's own account can reach, too."""
    with tempfile.TemporaryDirectory(prefix="nexus-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_a_flipped_bit_is_refused_wherever_it_is(copied: BackupFolder) -> None:
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


def test_a_damaged_backup_is_restored_by_no_command(
    place: Place, copied: BackupFolder, home: Path
) -> None:
    flip(next((copied.path / copied.backups()[0].name / "data" / "base").glob("*/1259")), 0.5)
    options = ("--from", str(copied.path))
    for arguments in (("restore", "--into", str(home)), ("verify",), ("drill",)):
        done = place.commands.run("db", *arguments, *options)
        assert (done.code, "is damaged" in done.stderr) == (7, True), done.stderr
    assert not (home / "postgres" / "cluster").exists()


def test_a_drill_finds_a_page_that_was_damaged_before_it_was_copied(
    place: Place, copied: BackupFolder, scratch: Path
) -> None:
    """No checksum of the backup can know: only who reads the restored tables does.

    A drill before it was killed, and what it has left is gone after this one.
    """
    table = value(place.url, "SELECT pg_relation_filepath('market_data')")
    forge(copied, table, lambda file: flip(file, 0.3))
    commands, drill = place.commands, ("db", "drill", "--from", str(copied.path), "--json")
    here = Commands(commands.folder, {**commands.environment, "TMPDIR": str(scratch)})
    started = "nexus-drill-*/postgres/restored-*/cluster/postmaster.pid"
    with here.running(*drill) as killed:
        eventually(lambda: list(scratch.glob(started)), 60)
        killed.signal(signal.SIGKILL)
    (server,) = scratch.glob(started)
    pid = int(server.read_text().splitlines()[0])
    done = here.run(*drill)
    assert (done.code, list(done.answer["damaged"])) == (8, ["market_data"]), done.stderr
    assert list(scratch.iterdir()) == []
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_a_link_in_a_backup_is_refused(copied: BackupFolder) -> None:
    newest = copied.backups()[-1]
    (copied.path / newest.name / "data" / "pg_tblspc" / "1").symlink_to("/")
    with pytest.raises(StorageDamaged, match="is a link"):
        prove(copied, newest)


def test_settings_in_a_backup_are_not_followed(
    place: Place, copied: BackupFolder, home: Path, scratch: Path
) -> None:
    """All checksums fit, as of a backup that was made of a hostile cluster."""
    mark = scratch / "PWNED"
    scratch.chmod(0o777)
    evil = f"restore_command = 'touch {mark}'\nrecovery_end_command = 'touch {mark}'\n"
    evil += "work_mem = '123MB'\n"
    forge(copied, "postgresql.conf", lambda file: _append(file, evil))
    place.restored(home, backups=copied.path)
    assert not mark.exists()
    with embedded_server(home) as url:
        assert value(url, "SHOW work_mem") != "123MB"


def _append(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def test_the_oldest_are_dropped_but_not_what_a_kept_one_needs(copied: BackupFolder) -> None:
    first, parent = copied.backups()[0], None
    for number, kind in enumerate(("full", "full", "incremental"), 1):
        at = datetime(2099, 1, number, tzinfo=UTC)
        name = name_at(at, kind)
        (copied.path / name).mkdir()
        needs = parent if kind == "incremental" else None
        made = msgspec.structs.replace(first, name=name, complete_at=at, parent=needs)
        write_manifest(copied.path / name, made)
        parent = name
    copied.drop_old(keep=1)
    assert [each.name[:8] for each in copied.backups()] == ["20990102", "20990103"]


def test_two_backups_of_one_second_have_two_names_and_the_last_is_the_newest(
    copied: BackupFolder,
) -> None:
    """Also when the clock was set back in between."""
    moment = datetime(2026, 11, 10, 12, tzinfo=UTC)
    assert name_at(moment, "full") != name_at(moment + timedelta(microseconds=1), "full")
    first = copied.backups()[0]
    future = datetime(2099, 1, 1, tzinfo=UTC)
    write_manifest(copied.path / first.name, msgspec.structs.replace(first, complete_at=future))
    assert copied.next_moment() > future
    shutil.rmtree(copied.path / first.name)
    assert copied.next_moment() < future
