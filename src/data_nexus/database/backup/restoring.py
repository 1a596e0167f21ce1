"""Restore a backup: into a home without a database, or an empty database of a server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_nexus.database.backup.folder import BackupFolder
from data_nexus.database.backup.making import DUMP
from data_nexus.database.backup.manifest import DATA, BackupManifest
from data_nexus.database.backup.programs import place_of, run_program
from data_nexus.database.backup.proving import prove
from data_nexus.database.backup.streaming import streamed_segments
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import lay_cluster_down
from data_nexus.database.embedded.os_account import MAJOR_VERSION
from data_nexus.database.queries import query
from data_nexus.errors import StorageUnavailable, UsageError

# What would make a server read settings, run commands or look for files that a backup brings along.
_BROUGHT = (
    *("standby.signal", "recovery.signal", "tablespace_map", "postmaster.pid", "postmaster.opts"),
    *("postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"),
)
_INCLUDE = "include '../settings.conf'\n"


@dataclass(frozen=True, slots=True)
class Restored:
    """The backup that was restored, and where the cluster that was there before is kept."""

    manifest: BackupManifest
    replaced: Path | None = None


def backup_for(folder: BackupFolder, moment: datetime | None = None) -> BackupManifest:
    """Return the newest backup, or the newest that was complete at a moment."""
    folder.require_private()
    backups = folder.backups()
    if not backups:
        raise UsageError(f"{folder.path} has no backup; make one: nexus db backup")
    if moment is None:
        return backups[-1]
    before = [each for each in backups if each.complete_at <= moment]
    if not before:
        raise UsageError(
            f"the oldest backup is of {backups[0].complete_at:%Y-%m-%dT%H:%M:%SZ}, after that"
            " moment: name a later one"
        )
    return before[-1]


def restore_cluster(
    folder: BackupFolder,
    home: Path,
    *,
    moment: datetime | None = None,
    at_point: bool = False,
    trusts: bool = False,
    replaces: bool = False,
) -> Restored:
    """Restore the embedded cluster into a home: to a moment, or as new as the log allows.

    `at_point` restores the newest backup as it was when its rows were counted. Raises
    `StorageDamaged` for a backup that is not as it was written, `UsageError` for one that this user
    has not made, unless `trusts`, and for a moment of which the log is not there.
    """
    newest = backup_for(folder, moment)
    if newest.kind == "dump":
        raise UsageError(f"{newest.name} is a dump: set DATABASE_URL to an empty database for it")
    if newest.server.partition(".")[0] != MAJOR_VERSION:
        raise UsageError(
            f"{newest.name} is of PostgreSQL {newest.server}, and this Data Nexus brings"
            f" {MAJOR_VERSION}: restore it by the Data Nexus {newest.program} that made it, then"
            " move it by nexus db copy"
        )
    chain = prove(folder, newest)

    def fill(cluster: Path) -> Sequence[str]:
        _combine(folder, chain, cluster)
        _disarm(cluster)
        _lay_log(folder, newest, cluster, streamed=not at_point)
        return _target(newest, moment, at_point=at_point)

    try:
        kept = lay_cluster_down(home, fill, trusts=trusts, replaces=replaces)
    except StorageUnavailable as error:
        if "before configured recovery target was reached" in str(error):
            raise UsageError(
                "the log of the backups does not reach that moment: name an earlier one, or leave"
                " --to-moment out for the newest state there is"
            ) from None
        raise
    return Restored(newest, kept)


def restore_dump(
    folder: BackupFolder, target: PostgresConnection, newest: BackupManifest
) -> Restored:
    """Restore a dump into a database that has none of its tables.

    Raises `UsageError` for another one, `StorageDamaged` for a dump that is not as it was written.
    """
    if newest.kind != "dump":
        raise UsageError(
            f"{newest.name} is of an embedded database: restore it without DATABASE_URL, then move"
            " it by nexus db copy"
        )
    prove(folder, newest)
    asked = {"schema": newest.schema, "tables": [*newest.rows]}
    with target.connect() as connection:
        found = [name for (name,) in connection.execute(query("existing_tables"), asked).fetchall()]
    if found:
        raise UsageError(
            f"the database has the tables {', '.join(found[:5])} already: name an empty one by"
            " DATABASE_URL; nothing was restored"
        )
    place, password = place_of(target.url)
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--clean", "--if-exists")
    file = folder.path / newest.name / DATA / DUMP
    run_program("pg_restore", *options, "--dbname", place, file, password=password)
    return Restored(newest)


def _combine(folder: BackupFolder, chain: Sequence[BackupManifest], cluster: Path) -> None:
    """Write what a chain of backups adds up to into an empty folder."""
    sources = [folder.path / each.name / DATA for each in chain]
    if len(sources) == 1:
        shutil.copytree(sources[0], cluster, dirs_exist_ok=True)
    else:
        run_program("pg_combinebackup", "--output", cluster, "--no-sync", *sources)


def _disarm(cluster: Path) -> None:
    """Replace all that a server takes settings from: of a backup it gets the rows alone."""
    for name in _BROUGHT:
        (cluster / name).unlink(missing_ok=True)
    tablespaces = cluster / "pg_tblspc"
    shutil.rmtree(tablespaces, ignore_errors=True)
    tablespaces.mkdir(mode=0o700)
    for name, text in (
        ("postgresql.conf", _INCLUDE),
        ("postgresql.auto.conf", ""),
        ("recovery.signal", ""),
        ("pg_hba.conf", ""),
        ("pg_ident.conf", ""),
    ):
        (cluster / name).write_text(text, encoding="ascii")


def _lay_log(
    folder: BackupFolder, newest: BackupManifest, cluster: Path, *, streamed: bool
) -> None:
    """Put the log where the server looks for it: the backup's own, and what was streamed."""
    log = cluster / "pg_wal"
    for partial in log.glob("*.partial"):
        partial.rename(log / partial.name.removesuffix(".partial"))
    if streamed:
        own = {each.name for each in newest_whole(folder, newest)}
        for name, file in streamed_segments(folder, newest.first_segment).items():
            if name not in own:
                shutil.copyfile(file, log / name, follow_symlinks=False)


def newest_whole(folder: BackupFolder, newest: BackupManifest) -> list[Path]:
    """Return the segments of the log that a backup has whole."""
    log = folder.path / newest.name / DATA / "pg_wal"
    return [each for each in log.iterdir() if each.is_file() and len(each.name) == 24]


def _target(newest: BackupManifest, moment: datetime | None, *, at_point: bool) -> Sequence[str]:
    if at_point:
        return (f"recovery_target_name={newest.point}",)
    if moment is not None:
        return (f"recovery_target_time={moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00}",)
    return ()


def scratch_home() -> Path:
    """Make a temporary home, through which the server's account can pass."""
    home = Path(tempfile.mkdtemp(prefix="nexus-drill-"))
    home.chmod(0o711)
    return home
