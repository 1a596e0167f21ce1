"""Restore a backup: into a home without a database, or an empty database of a server."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_nexus.backup.folder import BackupFolder
from data_nexus.backup.making import DUMP
from data_nexus.backup.manifest import DATA, BackupManifest
from data_nexus.backup.programs import place_of, require_going, run_program
from data_nexus.backup.proving import prove
from data_nexus.backup.scratch import scratch_home
from data_nexus.backup.streaming import streamed_segments
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server, lay_cluster_down
from data_nexus.database.embedded.directory import cluster_folder
from data_nexus.database.embedded.os_account import MAJOR_VERSION
from data_nexus.database.store.backups.counts import tables_found
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTarget:
    """A home to restore into, and how: to a `moment`, else as new as the log allows.

    `at_point` is for the newest backup as it was when its rows were counted. A cluster that the
    home has is kept beside if the new one `replaces` it; `trusts` is this user's word for a cluster
    that was made elsewhere. The restore ends early when `ended` is set.
    """

    home: Path
    moment: datetime | None = None
    at_point: bool = False
    trusts: bool = False
    replaces: bool = False
    ended: threading.Event | None = None


def backup_for(folder: BackupFolder, moment: datetime | None = None) -> BackupManifest:
    """Return the newest backup, or the newest copy that was complete at a moment."""
    folder.require_private()
    backups = folder.copies() if moment else folder.backups()
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


def restore_home(folder: BackupFolder, target: RestoreTarget) -> Restored:
    """Restore a backup of either kind into a home, whole or not at all.

    Raises `StorageDamaged` for a backup that is not as it was written, `UsageError` for one that
    this user has not made, and for a moment of which the log is not there.
    """
    newest = backup_for(folder, target.moment)
    if newest.kind != "dump":
        return _restore_cluster(folder, newest, target)

    def fill(cluster: Path) -> Sequence[str]:
        with scratch_home() as scratch:
            with embedded_server(scratch) as url:
                restore_dump(folder, PostgresConnection(url, newest.schema), newest)
            for each in (cluster_folder(scratch) / "cluster").iterdir():
                shutil.move(each, cluster)
        return ()

    return Restored(newest, lay_cluster_down(target.home, fill, replaces=target.replaces))


def _restore_cluster(
    folder: BackupFolder, newest: BackupManifest, target: RestoreTarget
) -> Restored:
    if newest.server.partition(".")[0] != MAJOR_VERSION:
        raise UsageError(
            f"{newest.name} is of PostgreSQL {newest.server}, and this Data Nexus brings"
            f" {MAJOR_VERSION}: take a dump by the Data Nexus {newest.program} that made it (nexus"
            " db backup --dump), and restore that"
        )
    chain = prove(folder, newest)

    def fill(cluster: Path) -> Sequence[str]:
        require_going(target.ended)
        _combine(folder, chain, cluster, target.ended)
        _disarm(cluster)
        _lay_log(folder, newest, cluster, streamed=not target.at_point)
        require_going(target.ended)
        return _recovery(newest, target)

    try:
        kept = lay_cluster_down(target.home, fill, trusts=target.trusts, replaces=target.replaces)
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
    with target.connect() as connection:
        found = tables_found(connection, newest.schema, [*newest.rows])
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


def _combine(
    folder: BackupFolder,
    chain: Sequence[BackupManifest],
    cluster: Path,
    ended: threading.Event | None,
) -> None:
    """Write what a chain of backups adds up to into an empty folder."""
    sources = [folder.path / each.name / DATA for each in chain]
    if len(sources) == 1:
        shutil.copytree(sources[0], cluster, dirs_exist_ok=True)
    else:
        run_program("pg_combinebackup", "--output", cluster, "--no-sync", *sources, ended=ended)


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
        own = {each.name for each in _own_log(folder, newest)}
        for name, file in streamed_segments(folder, newest.first_segment).items():
            if name not in own:
                shutil.copyfile(file, log / name, follow_symlinks=False)


def _own_log(folder: BackupFolder, newest: BackupManifest) -> list[Path]:
    """Return the segments of the log that a backup has whole."""
    log = folder.path / newest.name / DATA / "pg_wal"
    return [each for each in log.iterdir() if each.is_file() and len(each.name) == 24]


def _recovery(newest: BackupManifest, target: RestoreTarget) -> Sequence[str]:
    """Return the settings that end the recovery where it is wanted."""
    if target.at_point:
        return (f"recovery_target_name={newest.point}",)
    if target.moment is not None:
        return (f"recovery_target_time={target.moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f+00}",)
    return ()
