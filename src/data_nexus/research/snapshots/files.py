"""Owns the files of bars of an open snapshot: each is opened once, for none of them ever changes.

A plain file is mapped, and what is found in it is kept: its row groups as they lie there, and their
runs. To read it again costs nothing but the copy into the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyarrow import parquet

from data_nexus.errors import StorageUnavailable
from data_nexus.research.snapshots.manifest import LakeFile
from data_nexus.research.snapshots.mapped import has_plain_pages, plain_group
from data_nexus.research.snapshots.place import Place
from data_nexus.research.snapshots.runs import Column, Runs, runs_of
from data_nexus.research.snapshots.tables import BARS

# A process may have a thousand files open, and not all of them are ours.
_MOST_OPEN = 256
_KEY = ["asset_id", "date"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bars of a file as they stand there, a row group or some, and the runs that they are."""

    bars: pa.RecordBatch
    runs: Runs


class OpenFiles:
    """The files of one snapshot, kept open once read, up to a number of them.

    Several threads may read at once.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._open: dict[str, OpenFile] = {}

    def read(
        self, file: LakeFile, first: date | None, last: date | None, names: Sequence[str]
    ) -> list[Piece]:
        """Return columns of the row groups of a file that can hold bars from `first` to `last`.

        Raises `StorageUnavailable` for a file that is gone or damaged.
        """
        try:
            opened = self._opened(file.path)
            return opened.pieces(opened.groups_within(first, last), names)
        except (OSError, pa.ArrowInvalid) as error:
            raise StorageUnavailable(
                f"{self.place.name}: {file.path} is damaged ({str(error).splitlines()[0]}); delete"
                " it, and the next export writes it again"
            ) from None

    def lie_open(self, files: Iterable[LakeFile]) -> bool:
        """Say whether all of some files were read before and can be read as they lie."""
        known = (self._open.get(file.path) for file in files)
        return all(opened is not None and opened.is_plain for opened in known)

    def _opened(self, path: str) -> OpenFile:
        if known := self._open.get(path):
            return known
        opened = OpenFile(self.place.open(path), is_near=self.place.is_folder)
        if self.place.is_folder and len(self._open) < _MOST_OPEN:
            self._open[path] = opened
        return opened


class OpenFile:
    """A file of bars; if it is near and plain, its row groups are read where they lie.

    Raises `pyarrow.ArrowInvalid` for a file that is damaged, as do its methods.
    """

    def __init__(self, source: pa.NativeFile, *, is_near: bool) -> None:
        self._source = source
        self._is_near = is_near
        self._metadata = parquet.ParquetFile(source).metadata
        self._dates = _dates_of(self._metadata)
        self._groups: list[pa.RecordBatch] = []
        self._runs: dict[int, Runs] = {}
        if is_near and has_plain_pages(self._metadata):
            source.seek(0)
            content = source.read_buffer()
            self._groups = [
                plain_group(content, self._metadata.row_group(group), BARS)
                for group in range(self._metadata.num_row_groups)
            ]

    def groups_within(self, first: date | None, last: date | None) -> list[int]:
        """Return the row groups whose dates meet those from `first` to `last`."""
        return [
            group
            for group, (begin, end) in enumerate(self._dates)
            if begin <= (last or date.max) and end >= (first or date.min)
        ]

    @property
    def is_plain(self) -> bool:
        """Whether it is read as it lies."""
        return bool(self._groups)

    def pieces(self, groups: Sequence[int], names: Sequence[str]) -> list[Piece]:
        """Return columns of some row groups, one after the other."""
        if self._groups:
            return [Piece(self._groups[n].select(names), self._runs_of(n)) for n in groups]
        reader = parquet.ParquetFile(
            self._source, metadata=self._metadata, pre_buffer=not self._is_near
        )
        every = [*dict.fromkeys((*_KEY, *names))]
        bars = reader.read_row_groups(groups, columns=every, use_threads=False)
        return [Piece(each.select(names), _runs_in(each)) for each in bars.to_batches()]

    def _runs_of(self, group: int) -> Runs:
        known = self._runs.get(group)
        if known is None:
            known = self._runs[group] = _runs_in(self._groups[group])
        return known


def numbers_of(array: pa.Array) -> Column:
    """Return an array's numbers; dates count from 1970-01-01."""
    numbers: Column = (array.view(pa.int32()) if array.type == pa.date32() else array).to_numpy()
    return numbers


def _runs_in(bars: pa.RecordBatch) -> Runs:
    return runs_of(*(numbers_of(bars[name]) for name in _KEY))


def _dates_of(metadata: parquet.FileMetaData) -> list[tuple[date, date]]:
    """Return the first and the last date of each row group."""
    at = BARS.get_field_index("date")
    told = (
        metadata.row_group(group).column(at).statistics for group in range(metadata.num_row_groups)
    )
    return [(each.min, each.max) for each in told]
