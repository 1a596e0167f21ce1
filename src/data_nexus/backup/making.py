"""Make a backup: of the embedded cluster by its files, of any other database by a dump.

A backup of the cluster is one of `pg_basebackup`, full or of what changed since the one before. It
ends with a point of the log at which all rows are counted, and the log up to there. All happens in
a draft beside the other backups, is proved, and gets its name last.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psycopg

from data_nexus import __version__
from data_nexus.backup.folder import BackupFolder, name_at, size_of
from data_nexus.backup.manifest import (
    DATA,
    BackupManifest,
    damaged,
    digests,
    write_manifest,
)
from data_nexus.backup.programs import ProgramFailed, pause_between, place_of, run_program
from data_nexus.backup.proving import prove_cluster
from data_nexus.config import read_regular
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded.os_account import MAJOR_VERSION
from data_nexus.database.store.backups.counts import (
    ClusterFacts,
    begin_snapshot,
    cluster_facts,
    count_rows,
    counted_at_point,
    revision_of,
)
from data_nexus.errors import UsageError

Kind = Literal["full", "incremental", "dump"]
DUMP = "nexus.dump"
# So many backups stand on one another before a full one is made by itself: a restore reads all.
_LONGEST_CHAIN = 7
_FIRST_SEGMENT = re.compile(rb"^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A complete backup, and the names of the old ones that were dropped after it."""

    manifest: BackupManifest
    dropped: list[str]


@dataclass(frozen=True, slots=True)
class BackupOrder:
    """What is to be made: `kind` None is incremental where that can be, `keep` how many stay."""

    tables: Sequence[str]
    kind: Kind | None = None
    keep: int = 7
    ended: threading.Event | None = None


def back_up_cluster(
    database: PostgresConnection, folder: BackupFolder, order: BackupOrder
) -> MadeBackup:
    """Back up the embedded cluster behind a connection, while others use it.

    Raises `StorageUnavailable` with the cause if it cannot be completed, `UsageError` for an
    incremental one that has nothing to stand on; the backups that were there stay as they are.
    """
    folder.make()
    with folder.locked():
        facts = cluster_facts(database)
        parent = _parent(folder, facts, order.kind)
        with folder.draft() as draft:
            made = _cluster_draft(database, folder, draft, parent, order, facts)
            folder.keep(draft, made.name)
        return MadeBackup(made, folder.drop_old(order.keep))


def dump_database(
    database: PostgresConnection, folder: BackupFolder, order: BackupOrder
) -> MadeBackup:
    """Dump the schema of a database, in one snapshot, while others use it; it is always whole.

    Raises what `back_up_cluster` does.
    """
    if order.kind == "incremental":
        raise UsageError("a server's database is dumped whole: leave --incremental out")
    folder.make()
    with folder.locked():
        with folder.draft() as draft:
            made = _dumped(database, folder, draft, order)
            folder.keep(draft, made.name)
        return MadeBackup(made, folder.drop_old(order.keep))


def _parent(folder: BackupFolder, facts: ClusterFacts, kind: Kind | None) -> BackupManifest | None:
    """Return the backup on which the next one stands; None for a full one."""
    backups = folder.copies()
    strange = [each for each in backups if each.database != facts.number]
    if strange:
        raise UsageError(
            f"{folder.path} has backups of another database ({strange[-1].name}); name another --to"
        )
    if kind == "full":
        return None
    newest = backups[-1] if backups else None
    fits = newest is not None and newest.timeline == facts.timeline
    if kind == "incremental":
        if not fits:
            raise UsageError(
                "there is no backup on which an incremental one could stand; run: nexus db backup"
                " --full"
            )
        return newest
    if newest is None or not fits or len(folder.chain(newest)) >= _LONGEST_CHAIN:
        return None
    return newest


def _cluster_draft(
    database: PostgresConnection,
    folder: BackupFolder,
    draft: Path,
    parent: BackupManifest | None,
    order: BackupOrder,
    facts: ClusterFacts,
) -> BackupManifest:
    began_at = datetime.now(UTC)
    if parent is not None:
        try:
            _copy_cluster(database, draft, folder.path / parent.name, order.ended)
        except ProgramFailed:
            if order.kind == "incremental":
                raise
            # The server keeps for some days which pages have changed; after that all are copied.
            parent = None
            shutil.rmtree(draft / DATA, ignore_errors=True)
    if parent is None:
        _copy_cluster(database, draft, None, order.ended)
    name = name_at(began_at, "incremental" if parent else "full")
    point = f"data-nexus {name}"
    place, rows = counted_at_point(database, order.tables, point, pause_between(order.ended))
    data = draft / DATA
    _fetch_log(database, data, place, order.ended)
    prove_cluster(name, data, order.ended)
    manifest = BackupManifest(
        name=name,
        kind="incremental" if parent else "full",
        parent=parent.name if parent else None,
        began_at=began_at,
        complete_at=folder.next_moment(),
        database=facts.number,
        timeline=facts.timeline,
        first_segment=_first_segment(data),
        point=point,
        server=facts.server,
        program=__version__,
        schema=database.schema,
        revision=revision_of(database),
        rows=rows,
        files=digests(data, _uncovered(data)),
        size=size_of(draft),
    )
    write_manifest(draft, manifest)
    return manifest


def _copy_cluster(
    database: PostgresConnection, draft: Path, parent: Path | None, ended: threading.Event | None
) -> None:
    place, _ = place_of(database.url)
    stands_on = () if parent is None else ("--incremental", parent / DATA / "backup_manifest")
    options = ("--wal-method=stream", "--checkpoint=fast", "--no-sync", "--manifest-checksums")
    run_program(
        "pg_basebackup",
        *("--dbname", place, "--pgdata", draft / DATA, *options, "SHA256", *stands_on),
        ended=ended,
    )


def _fetch_log(
    database: PostgresConnection, data: Path, place: str, ended: threading.Event | None
) -> None:
    """Fetch the log between the end of the copy and the point at which rows were counted."""
    source, _ = place_of(database.url)
    target = ("--directory", data / "pg_wal", "--endpos", place, "--no-loop", "--no-sync")
    run_program("pg_receivewal", "--dbname", source, *target, ended=ended)


def _first_segment(data: Path) -> str:
    found = _FIRST_SEGMENT.search(read_regular(data / "backup_label"))
    if found is None:
        raise damaged(data.parent.name, "its backup_label does not say where its log begins")
    return found[1].decode()


def _uncovered(data: Path) -> list[Path]:
    """Return what PostgreSQL's manifest does not cover: that itself, and the log."""
    log = [each for each in (data / "pg_wal").iterdir() if each.is_file()]
    return [data / "backup_manifest", *log]


def _dumped(
    database: PostgresConnection, folder: BackupFolder, draft: Path, order: BackupOrder
) -> BackupManifest:
    began_at = datetime.now(UTC)
    data = draft / DATA
    data.mkdir(mode=0o700)
    with database.reading() as connection:
        server = connection.info.server_version
        if server // 10_000 > int(MAJOR_VERSION):
            raise UsageError(
                f"the server is PostgreSQL {server // 10_000}, newer than the pg_dump of Data"
                f" Nexus ({MAJOR_VERSION}); dump it by the server's own pg_dump"
            )
        _dump(database, data / DUMP, begin_snapshot(connection), order.ended)
        rows = count_rows(connection, database.schema, order.tables)
        version = _server_version(connection)
    name = name_at(began_at, "dump")
    manifest = BackupManifest(
        name=name,
        kind="dump",
        parent=None,
        began_at=began_at,
        complete_at=folder.next_moment(),
        database="",
        timeline=0,
        first_segment="",
        point=None,
        server=version,
        program=__version__,
        schema=database.schema,
        revision=revision_of(database),
        rows=rows,
        files=digests(data, [data / DUMP]),
        size=size_of(draft),
    )
    write_manifest(draft, manifest)
    return manifest


def _dump(
    database: PostgresConnection, file: Path, snapshot: str, ended: threading.Event | None
) -> None:
    place, password = place_of(database.url)
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--schema={database.schema}")
    run_program(
        "pg_dump",
        *(*options, f"--snapshot={snapshot}", "--file", file, "--dbname", place),
        ended=ended,
        password=password,
    )


def _server_version(connection: psycopg.Connection) -> str:
    return connection.info.parameter_status("server_version") or str(connection.info.server_version)
