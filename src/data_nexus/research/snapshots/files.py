"""Open the files of bars of a snapshot, each once: none of them ever changes.

A plain file is mapped, and its rows and their runs are kept. Reading it again costs nothing but the
copy into the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from data_nexus.domain.bars import days
from data_nexus.errors import StorageUnavailable
from data_nexus.research.snapshots.manifest import LakeFile
from data_nexus.research.snapshots.plain_pages import has_plain_pages, plain_group
from data_nexus.research.snapshots.row_runs import Column, RowRuns, joined, runs_of
from data_nexus.research.snapshots.schemas import BARS
from data_nexus.research.snapshots.storage.storage import Storage

# A process may map 65,530 areas of memory, and not all of them are ours.
_MOST_OPEN = 16_384
_KEY = ["asset_id", "date"]


@dataclass(frozen=True, slots=True)
class Sought:
    """Which bars are sought: by asset, whether it is wanted, and the first and the last day.

    An asset with a number beyond the array is in no file that is read. Days count from 1970-01-01.
    """

    is_wanted: NDArray[np.bool_]
    first: int
    last: int

    def of(self, runs: RowRuns) -> NDArray[np.bool_]:
        """Return which runs hold such bars."""
        meets = (runs.firsts <= self.last) & (runs.lasts >= self.first)
        return self.is_wanted[runs.asset_ids] & meets


class RowGroups:
    """Row groups of a file, concatenated, and the runs of their rows."""

    def __init__(self, batches: Sequence[pa.RecordBatch]) -> None:
        self._batches = batches
        self._numbers = [
            {name: numbers_of(batch[name]) for name in batch.schema.names} for batch in batches
        ]
        self._edges = np.cumsum([0, *map(len, batches)])
        self._runs = joined(
            [(len(each["date"]), runs_of(each["asset_id"], each["date"])) for each in self._numbers]
        )

    def sought(self, sought: Sought) -> Piece:
        """Return the runs that hold what is sought, and their row groups."""
        is_sought = sought.of(self._runs)
        if is_sought.all():
            return Piece(self._batches, self._numbers, self._runs)
        runs = self._runs.at(is_sought)
        groups = np.searchsorted(self._edges, runs.starts, side="right") - 1
        used = np.unique(groups)
        sizes = np.diff(self._edges)[used]
        moved = (np.cumsum(sizes) - sizes)[np.searchsorted(used, groups)] - self._edges[groups]
        return Piece(
            [self._batches[n] for n in used.tolist()],
            [self._numbers[n] for n in used.tolist()],
            replace(runs, starts=runs.starts + moved),
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Bars as a file holds them: row groups, each also by column, and runs in them."""

    batches: Sequence[pa.RecordBatch]
    numbers: Sequence[dict[str, Column]]
    runs: RowRuns

    @property
    def size(self) -> int:
        """The number of rows in the row groups."""
        return sum(map(len, self.batches))

    def slices(self) -> list[tuple[dict[str, Column], slice]]:
        """Return the position of each run: the columns of its row group, and its rows there."""
        edges = np.cumsum([0, *map(len, self.batches)])
        groups = np.searchsorted(edges, self.runs.starts, side="right") - 1
        begins = self.runs.starts - edges[groups]
        places = zip(groups.tolist(), begins.tolist(), self.runs.lengths.tolist(), strict=True)
        return [(self.numbers[at], slice(begin, begin + size)) for at, begin, size in places]


def damaged(storage: Storage, path: str, error: Exception) -> StorageUnavailable:
    """Return the error for a file that cannot be read as Parquet."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return StorageUnavailable(
        f"{storage.name}: {path} is damaged ({reason}); delete it, and the next export writes it"
        " again"
    )


class OpenFiles:
    """The files of one snapshot, kept open once read, up to a number of them.

    Several threads may read at once.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._open: dict[str, RowGroups] = {}

    def read(self, file: LakeFile, sought: Sought, names: Sequence[str]) -> Piece:
        """Return the runs of a file that hold what is sought, with some columns or all.

        Raises `StorageUnavailable` for a file that is gone or damaged.
        """
        try:
            known = self._open.get(file.path) or self._read(file.path, sought, names)
            return known.sought(sought)
        except (OSError, pa.ArrowInvalid) as error:
            raise damaged(self.storage, file.path, error) from None

    def are_mapped(self, files: Iterable[LakeFile]) -> bool:
        """Return whether all of the files have been read before and are mapped."""
        return all(file.path in self._open for file in files)

    def _read(self, path: str, sought: Sought, names: Sequence[str]) -> RowGroups:
        """Map a plain local file; of another, read the row groups that can hold what is sought."""
        with self.storage.open(path) as source:
            file = parquet.ParquetFile(source, pre_buffer=not self.storage.maps_files)
            if self.storage.maps_files and has_plain_pages(file.metadata):
                source.seek(0)
                return self._kept(path, source.read_buffer(), file.metadata)
            every = [name for name in BARS.names if name in {*_KEY, *names}]
            groups = _groups_within(file.metadata, sought)
            read = file.read_row_groups(groups, columns=every, use_threads=False)
        return RowGroups(read.combine_chunks().to_batches())

    def _kept(self, path: str, content: pa.Buffer, metadata: parquet.FileMetaData) -> RowGroups:
        """Map a file and keep it; the mapping outlives the open file."""
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        mapped = RowGroups([plain_group(content, group, BARS) for group in groups])
        if len(self._open) < _MOST_OPEN:
            self._open[path] = mapped
        return mapped


def numbers_of(array: pa.Array) -> Column:
    """Return an array's numbers; dates count from 1970-01-01."""
    numbers: Column = (array.view(pa.int32()) if array.type == pa.date32() else array).to_numpy()
    return numbers


def _groups_within(metadata: parquet.FileMetaData, sought: Sought) -> list[int]:
    """Return the row groups whose dates meet those that are sought."""
    at = BARS.get_field_index("date")
    statistics = {
        group: metadata.row_group(group).column(at).statistics
        for group in range(metadata.num_row_groups)
    }
    return [
        group
        for group, dates in statistics.items()
        if days(dates.min) <= sought.last and days(dates.max) >= sought.first
    ]
