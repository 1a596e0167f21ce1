"""Back up the database in use, restore a backup, and prove that one can be restored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from data_nexus.backup.folder import BackupFolder
from data_nexus.backup.making import (
    BackupOrder,
    Kind,
    MadeBackup,
    back_up_cluster,
    dump_database,
)
from data_nexus.backup.manifest import BackupManifest
from data_nexus.backup.programs import require_going
from data_nexus.backup.proving import prove
from data_nexus.backup.restoring import (
    Restored,
    RestoreTarget,
    backup_for,
    restore_dump,
    restore_home,
)
from data_nexus.backup.scratch import scratch_home
from data_nexus.backup.streaming import stream_log
from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server
from data_nexus.database.open import open_database
from data_nexus.database.reader.invariants import inspect_database
from data_nexus.database.store.backups.counts import rows_now
from data_nexus.database.upgrade import TABLES, upgrade
from data_nexus.errors import StorageDamaged, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOrder:
    """What to restore, and where: `into` is a home, or None for that of the settings."""

    folder: Path
    into: Path | None = None
    moment: datetime | None = None
    replaces: bool = False
    trusts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What was restored, and what was found in it.

    `differing` has the rows that the backup's manifest says and those found, by table; it is empty
    after a restore to another moment than that of the backup. `broken` has the number of assets
    that break an invariant, by its name.
    """

    backup: str
    complete_at: datetime
    home: str | None
    replaced: str | None = None
    rows: int
    differing: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    broken: Mapping[str, int] = field(default_factory=dict)
    damaged: Mapping[str, str] = field(default_factory=dict)
    duration_sec: float

    @property
    def exit_code(self) -> int:
        """8 for a broken invariant or a damaged table, 3 for other counts, else 0."""
        if self.damaged or any(self.broken.values()):
            return 8
        return 3 if self.differing else 0

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def back_up(
    settings: Settings,
    *,
    folder: Path | None = None,
    kind: Kind | None = None,
    keep: int | None = None,
    ended: threading.Event | None = None,
) -> MadeBackup:
    """Make one backup of the database in use, and drop the oldest ones; blocking.

    It is killed when `ended` is set. Raises `StorageUnavailable` and its kin, `UsageError`.
    """
    order = BackupOrder(TABLES, kind, keep or settings.backup_keep, ended)
    place = BackupFolder(folder or settings.backups)
    with _database(settings) as database:
        is_dump = settings.database_url or kind == "dump"
        return (dump_database if is_dump else back_up_cluster)(database, place, order)


def follow(settings: Settings, folder: Path | None, ended: threading.Event) -> None:
    """Stream the log of the embedded database to the backups until `ended`; blocking.

    A backup is made first where the log could not be used without one.
    """
    if settings.database_url:
        raise UsageError("DATABASE_URL is set: only the log of the embedded database is followed")
    place = BackupFolder(folder or settings.backups)
    order = BackupOrder(TABLES, None, settings.backup_keep, ended)
    with _database(settings) as database:
        stream_log(database, place, ended, lambda: _made_anew(database, place, order))


def _made_anew(database: PostgresConnection, place: BackupFolder, order: BackupOrder) -> None:
    back_up_cluster(database, place, order)


def prove_backups(settings: Settings, folder: Path | None = None) -> list[BackupManifest]:
    """Prove all backups by their checksums, and return them; blocking.

    Raises `StorageDamaged` for the first that is not as it was written.
    """
    place = BackupFolder(folder or settings.backups)
    backup_for(place)
    found: dict[str, BackupManifest] = {}
    for name in [each.name for each in place.folders()][::-1]:
        if name not in found:
            found |= {each.name: each for each in prove(place, place.read(name))}
    return sorted(found.values(), key=lambda each: each.complete_at)


def restore(settings: Settings, order: RestoreOrder) -> RestoreReport:
    """Restore a backup, and check what is in it; blocking.

    With `DATABASE_URL` a dump goes into that database, which must be empty. Raises what
    `restore_cluster` does.
    """
    begun, place = time.monotonic(), BackupFolder(order.folder)
    if settings.database_url:
        if order.into or order.moment or order.replaces:
            raise UsageError(
                "DATABASE_URL is set: a dump goes into that database; --into, --to-moment and"
                " --replace are for the embedded one"
            )
        target = PostgresConnection(settings.database_url, settings.schema)
        found = restore_dump(place, target, backup_for(place))
        return _inspected(settings, found, None, begun, counts=True)
    home = (order.into or settings.home).expanduser().resolve()
    wanted = RestoreTarget(
        home=home, moment=order.moment, trusts=order.trusts, replaces=order.replaces
    )
    found = restore_home(place, wanted)
    is_dump = found.manifest.kind == "dump"
    return _inspected(_in_home(settings, home), found, home, begun, counts=is_dump)


def drill(
    settings: Settings, *, folder: Path | None = None, ended: threading.Event | None = None
) -> RestoreReport:
    """Restore the newest backup into a temporary home, check it, and delete it; blocking.

    The rows of each table are compared with those that were counted when the backup was made. It
    ends early, by `BackupEnded`, when `ended` is set.
    """
    begun, place = time.monotonic(), BackupFolder(folder or settings.backups)
    newest = backup_for(place)
    with scratch_home() as home:
        scratch = _in_home(settings, home)
        if newest.kind != "dump":
            found = restore_home(place, RestoreTarget(home=home, at_point=True, ended=ended))
            require_going(ended)
            return _inspected(scratch, found, None, begun, counts=True)
        with embedded_server(home) as url:
            found = restore_dump(place, PostgresConnection(url, settings.schema), newest)
            return _inspected(scratch, found, None, begun, counts=True)


@contextmanager
def _database(settings: Settings) -> Iterator[PostgresConnection]:
    with open_database(settings.database_url, settings.home, settings.schema, writes=False) as url:
        database = PostgresConnection(url, settings.schema)
        yield database
        database.close()


def _in_home(settings: Settings, home: Path) -> Settings:
    return replace(settings, database_url=None, nexus_home=str(home))


def _inspected(
    settings: Settings, found: Restored, home: Path | None, begun: float, *, counts: bool
) -> RestoreReport:
    """Count the rows before the tables are brought to this version, and check the invariants."""
    manifest = found.manifest
    with _server(settings) as url:
        database = PostgresConnection(url, manifest.schema)
        try:
            rows = rows_now(database, list(manifest.rows))
        except StorageDamaged:  # the inspection says where
            rows, counts = {}, False
        upgrade(url, manifest.schema)
        inspection = inspect_database(database)
        database.close()
    said = manifest.rows if counts else {}
    return RestoreReport(
        backup=manifest.name,
        complete_at=manifest.complete_at,
        home=str(home) if home else None,
        replaced=str(found.replaced) if found.replaced else None,
        rows=sum(rows.values()),
        differing={
            table: (number, rows.get(table, 0))
            for table, number in said.items()
            if rows.get(table, 0) != number
        },
        broken={name: len(ids) for name, ids in inspection.broken.items()},
        damaged=inspection.damaged,
        duration_sec=round(time.monotonic() - begun, 3),
    )


@contextmanager
def _server(settings: Settings) -> Iterator[str]:
    if settings.database_url:
        yield settings.database_url
    else:
        with embedded_server(settings.home) as url:
            yield url
