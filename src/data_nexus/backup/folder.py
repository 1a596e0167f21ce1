"""Keep backups in a folder: named by their moments, complete or not there, the oldest dropped."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data_nexus.backup.manifest import (
    BackupManifest,
    damaged,
    is_backup_name,
    read_manifest,
)
from data_nexus.database.embedded.directory import sync_folder
from data_nexus.database.embedded.locks import holders, take_lock
from data_nexus.errors import NexusError, StorageUnavailable, UsageError

WAL = "wal"
_LOCK = "backup.lock"
_DRAFT = "draft-"
_TRASH = "dropped-"
_INSTANT = timedelta(microseconds=1)


class BackupFolder:
    """A folder with backups, each complete in a folder of its own, and the stream of the log."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()

    def make(self) -> None:
        """Make the folder, private; raise `UsageError` if others may write to it."""
        try:
            self.path.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot make {self.path}: {error.strerror}; name another --to"
            ) from None
        self.require_private()

    def require_private(self) -> None:
        """Raise `UsageError` for a folder that is not there or into which others may write.

        Whoever can change a backup decides what runs when it is restored.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise UsageError(f"{self.path}: {error.strerror}; where are the backups?") from None
        if not stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{self.path} is not a folder; where are the backups?")
        if status.st_mode & 0o022 or (status.st_uid not in (0, os.geteuid()) and os.geteuid() != 0):
            raise UsageError(
                f"others may write to {self.path}, and a backup decides what runs when it is"
                f" restored; make it your own: chmod go-w {self.path}"
            )

    @contextmanager
    def locked(self, name: str = _LOCK) -> Iterator[None]:
        """Be the only one to write backups here; raise `StorageUnavailable` for a second one."""
        try:
            lock = take_lock(self.path / name, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageUnavailable(
                f"another backup into {self.path} runs ({self._holder(name)}); wait for its end"
            ) from None
        except OSError as error:
            raise StorageUnavailable(f"backup: {self.path}: {error.strerror}") from None
        try:
            yield
        finally:
            os.close(lock)

    def _holder(self, name: str) -> str:
        descriptor = os.open(self.path / name, os.O_RDONLY)
        try:
            return ", ".join(f"process {pid}" for pid in holders(descriptor)) or "a process"
        finally:
            os.close(descriptor)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Give an empty folder for a backup; what is left in it at the end is deleted."""
        self.drop_leftovers()
        folder = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self.path))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, draft: Path, name: str) -> Path:
        """Let a draft, synced as a whole, become the backup of a name."""
        for folder, _, files in os.walk(draft):
            for file in files:
                _sync_file(Path(folder, file))
            sync_folder(Path(folder))
        final = self.path / name
        draft.rename(final)
        sync_folder(self.path)
        return final

    def drop_leftovers(self) -> None:
        """Delete what killed backups left behind."""
        for prefix in (_DRAFT, _TRASH):
            for leftover in self.path.glob(f"{prefix}*"):
                shutil.rmtree(leftover, ignore_errors=True)

    def backups(self) -> list[BackupManifest]:
        """Return all readable backups, oldest first; those that are not are left out."""
        found = []
        for folder in self.folders():
            try:
                found.append(read_manifest(folder))
            except NexusError:
                continue
        return sorted(found, key=lambda each: (each.complete_at, each.name))

    def copies(self) -> list[BackupManifest]:
        """Return the readable backups that are copies of a cluster, oldest first."""
        return [each for each in self.backups() if each.kind != "dump"]

    def next_moment(self) -> datetime:
        """Return the moment of a backup that is complete now: after all others, whatever the clock.

        The newest is the last that was made, also after the clock was set back.
        """
        others = [each.complete_at + _INSTANT for each in self.backups()]
        return max([datetime.now(UTC), *others])

    def read(self, name: str) -> BackupManifest:
        """Return the manifest of a backup; raise `StorageDamaged` if it cannot be read."""
        return read_manifest(self.path / name)

    def folders(self) -> list[Path]:
        """Return the folders of all complete backups, sound or not."""
        return sorted(
            each
            for each in self.path.iterdir()
            if is_backup_name(each.name) and each.is_dir() and not each.is_symlink()
        )

    def chain(self, newest: BackupManifest) -> list[BackupManifest]:
        """Return a backup behind all those that it needs, the full one first.

        Raises `StorageDamaged` if one of them is gone or damaged.
        """
        found, wanted = [newest], newest.parent
        while wanted is not None:
            folder = self.path / wanted
            if not folder.is_dir():
                raise damaged(newest.name, f"it needs the backup {wanted}, which is gone")
            before = read_manifest(folder)
            if before.complete_at >= found[-1].complete_at or before.database != newest.database:
                raise damaged(newest.name, f"it cannot need the backup {wanted}")
            found.append(before)
            wanted = before.parent
        return found[::-1]

    def drop_old(self, keep: int) -> list[str]:
        """Drop all but the newest backups and what they need; return the names of those dropped.

        Segments of the log that no kept backup needs go with them.
        """
        backups = self.backups()
        kept = {each.name for newest in backups[-keep:] for each in self._needed(newest)}
        dropped = [each.name for each in backups if each.name not in kept]
        for name in reversed(dropped):  # what needs others goes before them
            trash = self.path / f"{_TRASH}{name}"
            (self.path / name).rename(trash)
            shutil.rmtree(trash, ignore_errors=True)
        firsts = [each.first_segment for each in backups if each.name in kept]
        self._drop_segments([each for each in firsts if each])
        return dropped

    def _needed(self, newest: BackupManifest) -> list[BackupManifest]:
        try:
            return self.chain(newest)
        except NexusError:
            return [newest]

    def _drop_segments(self, firsts: Sequence[str]) -> None:
        if not firsts:
            return
        first = min(each[8:] for each in firsts)
        for segment in (self.path / WAL).glob("*/*"):
            if len(segment.name) >= 24 and segment.name[8:24] < first:
                segment.unlink(missing_ok=True)
        # The newest is the one into which a stream is written.
        for folder in sorted((self.path / WAL).glob("*"))[:-1]:
            if not any(folder.iterdir()):
                folder.rmdir()


def name_at(moment: datetime, kind: str) -> str:
    """Return the name of a backup that began at a moment."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{kind}"


def size_of(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    return sum(
        Path(place, file).lstat().st_size for place, _, files in os.walk(folder) for file in files
    )


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
