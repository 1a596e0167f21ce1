"""Owns the place of a snapshot: a folder or an object store, and how a file gets there whole.

Everything goes through `pyarrow.fs`, but for what that cannot do: in a folder a file is written
under another name, brought to the disk and renamed, and one export at a time holds the lock. An
object store shows an object only once it is complete. No error shows a key.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import fs

from data_nexus.errors import StorageUnavailable, UsageError
from data_nexus.research.snapshots.address import Address, address_of
from data_nexus.research.snapshots.manifest import MANIFEST

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset

_LOCK = "lake.lock"
_NUMBERS = count(1)
# An object store has no lock: what nobody names may be another export's, until it is this old.
_OLD = timedelta(days=1)


class Place:
    """A folder or a prefix of an object store; paths below it are written with `/`."""

    def __init__(
        self, name: str, filesystem: fs.FileSystem, root: str, address: Address | None = None
    ) -> None:
        self.name = name
        self._filesystem = filesystem
        self._address = address
        self._root = root.rstrip("/")
        self._folders: set[Path] = set()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return isinstance(self._filesystem, fs.LocalFileSystem)

    def at(self, path: str) -> str:
        """Return a path as the file system takes it."""
        return f"{self._root}/{path}"

    def address(self, path: str) -> str:
        """Return a path as other programs name it."""
        return self.at(path) if self.is_folder else f"s3://{self.at(path)}"

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What delta-rs needs beside an address; None for a folder."""
        if self._address is None:
            return None
        return self._address.storage_options(self._filesystem.region)

    def unavailable(self, error: Exception) -> StorageUnavailable:
        """Return what a library's error comes to: one sentence, without keys and URLs."""
        return StorageUnavailable(f"{self.name}: {self._said(error)}")

    def open(self, path: str) -> pa.NativeFile:
        """Open a file for reading; raise `StorageUnavailable` if it is not there."""
        try:
            if self.is_folder:
                return pa.memory_map(self.at(path))
            return self._filesystem.open_input_file(self.at(path))
        except FileNotFoundError:
            raise self._gone(path) from None
        except OSError as error:
            raise self.unavailable(error) from None

    def dataset(self, paths: Sequence[str]) -> Dataset:
        """Return Parquet files as one table that is read when it is asked for.

        Raises `StorageUnavailable` if they are not there.
        """
        # It takes pandas along, which nothing else of a snapshot needs.
        from pyarrow import dataset  # noqa: PLC0415

        files = [self.at(path) for path in paths]
        try:
            return dataset.dataset(files, filesystem=self._filesystem, format="parquet")
        except FileNotFoundError:
            raise self._gone("a file") from None
        except OSError as error:
            raise self.unavailable(error) from None

    def read(self, path: str) -> bytes | None:
        """Return what a file holds; None if there is none."""
        try:
            with self._filesystem.open_input_stream(self.at(path)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            self._require_bucket()
            return None
        except OSError as error:
            raise self.unavailable(error) from None

    def put(self, path: str, content: bytes | pa.Buffer) -> None:
        """Write a file: afterwards it is there whole, or as it was before."""
        try:
            if self.is_folder:
                self._put_in_folder(Path(self.at(path)), content)
            else:
                with self._filesystem.open_output_stream(self.at(path)) as stream:
                    stream.write(content)
        except OSError as error:
            raise self.unavailable(error) from None

    def settle(self) -> None:
        """Bring the names of all files that were put to the disk."""
        root = Path(self._root)
        folders = {above for each in self._folders for above in (each, *each.parents)}
        for folder in folders:
            if folder == root.parent or root in (folder, *folder.parents):
                _sync(folder)
        self._folders.clear()

    def sizes(self, *, old_only: bool = False) -> dict[str, int]:
        """Return the paths and sizes of all files.

        With `old_only` an object store tells of those alone that are a day old.
        """
        selector = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        before = datetime.now(UTC) - _OLD
        return {
            found.path.removeprefix(f"{self._root}/"): found.size
            for found in self._listed(selector)
            if found.type == fs.FileType.File
            and (self.is_folder or not old_only or found.mtime < before)
        }

    def remove(self, path: str) -> None:
        """Delete a file; it is no matter if it is gone."""
        try:
            if self.is_folder:
                Path(self.at(path)).unlink()
            else:
                self._filesystem.delete_file(self.at(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self.unavailable(error) from None

    def _gone(self, what: str) -> StorageUnavailable:
        return StorageUnavailable(
            f"{self.name}: {what} is gone; open the snapshot anew, for two refreshes have come"
            " since; if it was deleted, the next export writes it again"
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else write here meanwhile; raise `UsageError` if somebody does.

        Also for a folder that holds anything, but no manifest: it is somebody else's.
        """
        self._refuse_foreign()
        if not self.is_folder:
            yield
            return
        lock = self._lock()
        try:
            yield
        finally:
            os.close(lock)

    def _lock(self) -> int:
        try:
            Path(self._root).mkdir(parents=True, exist_ok=True)
            lock = os.open(self.at(_LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise self.unavailable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UsageError(f"another export is writing to {self.name}; wait for it") from None
        return lock

    def _refuse_foreign(self) -> None:
        if self._type_of(self._root) not in (fs.FileType.NotFound, fs.FileType.Directory):
            raise UsageError(f"{self.name} is a file; name a folder")
        names = {
            found.base_name
            for found in self._listed(fs.FileSelector(self._root, allow_not_found=True))
        }
        foreign = sorted(name for name in names if name != _LOCK and not name.endswith(".part"))
        if foreign and MANIFEST not in names:
            raise UsageError(
                f"{self.name} holds {foreign[0]!r} and is no snapshot; name an empty folder"
            )

    def _require_bucket(self) -> None:
        """Raise `StorageUnavailable` if there is no such bucket: there, all else is only absent."""
        if self._address and self._type_of(self._address.bucket) == fs.FileType.NotFound:
            raise StorageUnavailable(
                f"{self.name}: there is no bucket {self._address.bucket}; make it first"
            )

    def _type_of(self, path: str) -> fs.FileType:
        try:
            return self._filesystem.get_file_info(path).type
        except OSError as error:
            raise self.unavailable(error) from None

    def _said(self, error: Exception) -> str:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        # delta-rs tells causes below each other, and what the server sent as the last.
        lines = [line.partition("↳\x1b[0m ")[2] or line for line in str(error).splitlines()]
        said = ": ".join(line.strip() for line in lines if "://" not in line and "<" not in line)
        return self._address.without_keys(said) if self._address else said

    def _listed(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        try:
            return list(self._filesystem.get_file_info(selector))
        except OSError as error:
            raise self.unavailable(error) from None

    def _put_in_folder(self, path: Path, content: bytes | pa.Buffer) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}{next(_NUMBERS)}.part")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self._folders.add(path.parent)


def open_place(target: str) -> Place:
    """Return the place that `DIR` or `s3://bucket/prefix` means; nothing is made there.

    An object store takes its keys from where its own tools do, or from the address. Raises
    `UsageError` for another kind of address, and `StorageUnavailable` if Amazon, asked in which
    region a bucket lies, does not know it.
    """
    if "\0" in target or not target.strip():
        raise UsageError("name a folder or s3://bucket/prefix")
    scheme, separator, _ = target.partition("://")
    if not separator:
        return Place(target, fs.LocalFileSystem(), str(Path(target).expanduser().absolute()))
    if scheme != "s3":
        raise UsageError(f"{scheme}://…: a snapshot lies in a folder or at s3://bucket/prefix")
    address = address_of(target, os.environ)
    try:
        filesystem = fs.S3FileSystem(
            access_key=address.access_key,
            secret_key=address.secret_key,
            region=address.region or _region(address),
            endpoint_override=address.endpoint,
            scheme=address.scheme,
            allow_delayed_open=True,  # else each file is an upload of three requests
        )
    except (OSError, ValueError) as error:
        said = address.without_keys(str(error).partition("\n")[0])
        raise StorageUnavailable(f"{address.name}: {said}") from None
    return Place(address.name, filesystem, f"{address.bucket}/{address.prefix}", address)


def _region(address: Address) -> str | None:
    """Return where a bucket of Amazon's lies; elsewhere a region is a matter of form."""
    return None if address.endpoint else fs.resolve_s3_region(address.bucket)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
