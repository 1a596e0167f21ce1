"""Store the files of a snapshot through `pyarrow.fs`, wherever they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pyarrow import fs

from data_nexus.errors import StorageUnavailable, UsageError
from data_nexus.research.snapshots.layout import OUR_FILE
from data_nexus.research.snapshots.manifest import MANIFEST
from data_nexus.research.snapshots.schemas import TABLES, Compression

if TYPE_CHECKING:
    from pyarrow.dataset import Dataset

LOCK = "lake.lock"
# What a path below the root can be beside the files of tables: a table's folder is for Delta.
_NAMES = frozenset({MANIFEST, LOCK, *TABLES})


class Storage(ABC):
    """Files below a root; their paths are written with `/`. No error shows a key."""

    # How files of bars are compressed unless the person chooses.
    usual_compression: ClassVar[Compression]
    # How many files are read at once.
    concurrent_reads: ClassVar[int]
    # Whether files are mapped into memory, not fetched.
    maps_files: ClassVar[bool]

    def __init__(self, name: str, filesystem: fs.FileSystem, root: str) -> None:
        self.name = name
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    @property
    def delta_options(self) -> dict[str, str] | None:
        """What delta-rs needs beside an address."""
        return None

    @abstractmethod
    def address(self, path: str) -> str:
        """Return a path as other programs name it."""

    @abstractmethod
    def put(self, path: str, content: bytes | pa.Buffer) -> None:
        """Write a file: afterwards it is there whole, or as it was before."""

    @abstractmethod
    def sync(self) -> None:
        """Make the names of all files that were put survive a power failure."""

    @abstractmethod
    def locked(self) -> AbstractContextManager[None]:
        """Keep other exports from writing here; raise `UsageError` if one is writing now.

        Also for files without a manifest: they are not a snapshot's.
        """

    def open(self, path: str) -> pa.NativeFile:
        """Open a file for reading; raise `StorageUnavailable` if it is not there."""
        try:
            return self._opened(self._at(path))
        except FileNotFoundError:
            raise self._gone(path) from None
        except OSError as error:
            raise self.unavailable(error) from None

    def dataset(self, paths: Sequence[str]) -> Dataset:
        """Return Parquet files as one table, which is read when it is queried.

        Raises `StorageUnavailable` if they are not there.
        """
        # It loads pandas, which nothing else of a snapshot needs.
        from pyarrow import dataset  # noqa: PLC0415

        files = [self._at(path) for path in paths]
        try:
            return dataset.dataset(files, filesystem=self._filesystem, format="parquet")
        except FileNotFoundError:
            raise self._gone("a file") from None
        except OSError as error:
            raise self.unavailable(error) from None

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        try:
            with self._filesystem.open_input_stream(self._at(path)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.unavailable(error) from None

    def sizes(self) -> dict[str, int]:
        """Return the paths and sizes of all files."""
        return {self._path(each): each.size for each in self._files()}

    def removable(self) -> list[str]:
        """Return the paths of the files that no other export may be about to name."""
        return [self._path(each) for each in self._files()]

    def remove(self, path: str) -> None:
        """Delete a file, if it is there."""
        try:
            self._delete(self._at(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self.unavailable(error) from None

    def unavailable(self, error: Exception) -> StorageUnavailable:
        """Return the error that a library's error means: one sentence, without keys and URLs."""
        return StorageUnavailable(f"{self.name}: {self._message(error)}")

    def _opened(self, path: str) -> pa.NativeFile:
        return self._filesystem.open_input_file(path)

    def _delete(self, path: str) -> None:
        self._filesystem.delete_file(path)

    def _message(self, error: Exception) -> str:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        # delta-rs nests causes, and ends with the server's answer.
        lines = [line.partition("↳\x1b[0m ")[2] or line for line in str(error).splitlines()]
        return ": ".join(line.strip() for line in lines if "://" not in line and "<" not in line)

    def _at(self, path: str) -> str:
        """Return a path as the file system takes it: the only way from a name to a file.

        Raises `UsageError` for a name that no snapshot has, wherever it was read.
        """
        if path not in _NAMES and not OUR_FILE.fullmatch(path):
            raise UsageError(f"{self.name}: {path!r} is not a file of a snapshot")
        return f"{self._root}/{path}"

    def _path(self, found: fs.FileInfo) -> str:
        path: str = found.path
        return path.removeprefix(f"{self._root}/")

    def _files(self) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
        return [each for each in self._listed(selector) if each.type == fs.FileType.File]

    def _listed(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        try:
            return list(self._filesystem.get_file_info(selector))
        except OSError as error:
            raise self.unavailable(error) from None

    def _type_of(self, path: str) -> fs.FileType:
        try:
            return self._filesystem.get_file_info(path).type
        except OSError as error:
            raise self.unavailable(error) from None

    def _gone(self, what: str) -> StorageUnavailable:
        return StorageUnavailable(
            f"{self.name}: {what} is gone; open the snapshot again, it may have been refreshed"
            " twice since; if the file was deleted, the next export writes it again"
        )

    def _refuse_foreign(self) -> None:
        """Raise `UsageError` for a file, and for files without a manifest."""
        if self._type_of(self._root) not in (fs.FileType.NotFound, fs.FileType.Directory):
            raise UsageError(f"{self.name} is a file; name a folder")
        selector = fs.FileSelector(self._root, allow_not_found=True)
        names = {each.base_name for each in self._listed(selector)}
        foreign = sorted(name for name in names if name != LOCK and not name.endswith(".part"))
        if foreign and MANIFEST not in names:
            raise UsageError(
                f"{self.name} holds {foreign[0]!r} and is not a snapshot; name an empty folder"
            )
