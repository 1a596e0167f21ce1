"""Store a snapshot in a folder of this machine.

A file is written under another name, synced to the disk and renamed; one export at a time holds
the lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from data_nexus.errors import UsageError
from data_nexus.research.snapshots.schemas import TABLES
from data_nexus.research.snapshots.storage.storage import LOCK, Storage

_NUMBERS = count(1)
_LOCKING = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class FolderStorage(Storage):
    """A snapshot in a folder; its files are mapped into memory."""

    # Unpacking would cost more than reading.
    usual_compression = "none"
    concurrent_reads = os.cpu_count() or 1
    maps_files = True

    def __init__(self, target: str) -> None:
        root = str(Path(target).expanduser().absolute())
        super().__init__(target, fs.LocalFileSystem(), root)
        self._unsynced: set[Path] = set()

    def address(self, path: str) -> str:
        """Return a path as other programs name it."""
        return self._at(path)

    def put(self, path: str, content: bytes | pa.Buffer) -> None:
        """Write a file: afterwards it is there whole, or as it was before."""
        file = Path(self._at(path))
        draft = file.with_name(f"{file.name}.{os.getpid()}{next(_NUMBERS)}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            with draft.open("xb") as sink:
                sink.write(content)
                sink.flush()
                os.fsync(sink.fileno())
            draft.replace(file)
        except OSError as error:
            raise self.unavailable(error) from None
        self._unsynced.add(file.parent)

    def sync(self) -> None:
        """Make the names of all files that were put survive a power failure."""
        root = Path(self._root)
        folders = {above for each in self._unsynced for above in (each, *each.parents)}
        for folder in folders:
            if folder == root.parent or root in (folder, *folder.parents):
                _sync(folder)
        self._unsynced.clear()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other exports from writing here; raise `UsageError` if one is writing now."""
        self._refuse_foreign()
        self._refuse_links()
        lock = self._lock()
        try:
            yield
        finally:
            os.close(lock)

    def _at(self, path: str) -> str:
        """Return a path as the file system takes it, unless a link leads out of the folder.

        The folder itself may be reached by links; what is in it may have been unpacked from
        anywhere.
        """
        place, below = super()._at(path), Path(self._root)
        for part in path.split("/"):
            below /= part
            if below.is_symlink():
                raise self._linked(below)
        self._refuse_odd(below)
        return place

    def _refuse_odd(self, found: Path) -> None:
        """Raise `UsageError` for a pipe or a device: whoever opens it waits for ever."""
        if found.exists() and not (found.is_file() or found.is_dir()):
            raise UsageError(
                f"{self.name}: {found.relative_to(self._root)} is not a regular file; remove it"
            )

    def _linked(self, link: Path) -> UsageError:
        return UsageError(
            f"{self.name}: {link.relative_to(self._root)} is a link, and a snapshot's files lie in"
            " its own folder; remove the link, and move the files there"
        )

    def _refuse_links(self) -> None:
        """Raise `UsageError` for a part of the folder that lies elsewhere, or is not a file."""
        root = Path(self._root)
        for table in TABLES:
            parts = (root / table).glob("*"), (root / table / "_delta_log").glob("*")
            for found in (root / table, *chain(*parts)):
                if found.is_symlink():
                    raise self._linked(found)
                self._refuse_odd(found)

    def _opened(self, path: str) -> pa.NativeFile:
        return pa.memory_map(path)

    def _delete(self, path: str) -> None:
        Path(path).unlink()

    def _lock(self) -> int:
        try:
            Path(self._root).mkdir(parents=True, exist_ok=True)
            lock = os.open(self._at(LOCK), _LOCKING, 0o600)
        except OSError as error:
            raise self.unavailable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UsageError(
                f"another export is writing to {self.name}; try again when it has ended"
            ) from None
        return lock


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
