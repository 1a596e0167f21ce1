"""Write a snapshot, or refresh it: first the files that have changed, then the manifest.

Everything is read in one read-only transaction, so a snapshot equals the database at one moment.
The rows themselves say what has changed: PostgreSQL counts and hashes the bars of each part in one
scan, and a part with the same count and hash keeps its file. No log is trusted: a row that a
person deleted by hand changes its part like any other.

No existing file is changed. New files are named by their content, and the manifest is replaced
last, so at each instant the storage holds the old snapshot or the new one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import cast

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.bars import fetch_bars
from data_nexus.database.reader.planning import fetch_calendars
from data_nexus.database.reader.snapshots import begin_snapshot, fetch_parts, fetch_table_rows
from data_nexus.errors import InvariantBroken
from data_nexus.research.columns import table_of
from data_nexus.research.snapshots.delta import commit_delta, has_delta, require_deltalake
from data_nexus.research.snapshots.layout import (
    ASSETS_A_PART,
    OUR_FILE,
    Period,
    bars_path,
    periods_of,
    starts_of,
    table_path,
)
from data_nexus.research.snapshots.manifest import (
    MANIFEST,
    Coverage,
    LakeFile,
    Manifest,
    decoded,
    encoded,
)
from data_nexus.research.snapshots.schemas import (
    SMALL,
    TABLES,
    Compression,
    bars_of,
    parquet_of,
    parquet_of_bars,
)
from data_nexus.research.snapshots.storage.storage import Storage

# While PostgreSQL sends the next part, the parts before it are encoded and written.
_WRITERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part as the database has it."""

    coverage: Coverage
    rows: int
    first_date: date
    last_date: date
    fingerprint: str
    asset_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where files of bars are written, and how they are compressed."""

    storage: Storage
    compression: Compression


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeFigures:
    """What an export wrote: files and bytes of the snapshot, and those that are new."""

    moment: datetime
    generation: int
    files: int
    written: int
    kept: int
    removed: int
    bars: int
    bytes: int
    bytes_written: int
    duration_sec: float


def export_lake(
    database: PostgresConnection,
    storage: Storage,
    compression: Compression | None = None,
    *,
    written_by: str,
    delta: bool = False,
) -> LakeFigures:
    """Make a storage equal the database at one moment; write only what has changed since.

    With `delta` the tables become Delta tables as well, and stay so. Without a compression files
    keep that of the snapshot before; the first ones have the storage's usual one. `written_by` is
    the version that the manifest names. Raises `UsageError` for a storage that holds anything else,
    or to which another export is writing, and `StorageUnavailable` when the database or the storage
    fails; the old snapshot then remains.
    """
    begun = time.perf_counter()
    with storage.locked():
        old, there = _begun(storage, written_by), storage.sizes()
        # There may be a log before a manifest says so: an export was stopped between the two.
        is_delta = delta or old.is_delta or has_delta(there)
        if is_delta:
            require_deltalake()
        chosen = compression or cast("Compression", old.compression) or storage.usual_compression
        whole = _usable(old, there, chosen)
        with database.reading() as connection:
            moment, last_bar = begin_snapshot(connection)
            learned = fetch_calendars(connection).rows()
            newest = last_bar or moment.date()
            files = [
                *_bars(connection, _Target(storage, chosen), whole.values(), newest),
                *_small(connection, storage, whole),
            ]
        storage.sync()
        replaced = commit_delta(storage, files, moment) if is_delta else set()
        new = Manifest(
            generation=old.generation + 1,
            moment=moment,
            written_by=written_by,
            assets_a_part=ASSETS_A_PART,
            compression=chosen,
            is_delta=is_delta,
            tables=_columns(),
            files=tuple(sorted(files, key=lambda file: file.path)),
            superseded=_superseded(old, files, replaced),
            learned=learned,
        )
        storage.put(MANIFEST, encoded(new))
        storage.sync()
        return _figures(old, new, moment, _sweep(storage, old, new), time.perf_counter() - begun)


def _begun(storage: Storage, written_by: str) -> Manifest:
    """Return the manifest of a storage; an empty one becomes ours by its first manifest."""
    content = storage.read(MANIFEST)
    if content is not None:
        return decoded(content, storage.name)
    first = Manifest(written_by=written_by)
    storage.put(MANIFEST, encoded(first))
    return first


def _usable(old: Manifest, there: Mapping[str, int], compression: str) -> dict[str, LakeFile]:
    """Return the files to keep; those deleted or cut short are written again."""
    is_same = compression == old.compression and old.assets_a_part == ASSETS_A_PART
    return {
        file.path: file
        for file in old.files
        if there.get(file.path) == file.bytes and (is_same or file.covers is None)
    }


def _bars(
    connection: psycopg.Connection, target: _Target, old: Iterable[LakeFile], newest: date
) -> Iterator[LakeFile]:
    """Write the parts that have changed; return the files of all."""
    known = {(file.covers, file.rows, file.fingerprint): file for file in old if file.covers}
    changed = []
    for part in _parts(connection, newest):
        same = known.get((part.coverage, part.rows, part.fingerprint))
        if same:
            yield same
        else:
            changed.append(part)
    with ThreadPoolExecutor(_WRITERS) as pool:
        waiting: list[Future[LakeFile]] = []
        for _, group in groupby(changed, lambda p: (p.coverage.exchange, p.coverage.number)):
            parts = list(group)
            bars = _read(connection, parts)
            waiting += [pool.submit(_write, target, part, _within(bars, part)) for part in parts]
            while len(waiting) > 2 * _WRITERS + len(parts):
                yield waiting.pop(0).result()
        for each in waiting:
            yield each.result()


def _parts(connection: psycopg.Connection, newest: date) -> list[_Part]:
    """Let PostgreSQL count and hash all bars, part by part."""
    starts = starts_of(newest)
    periods = periods_of(starts)
    return [
        _Part(
            coverage=_coverage(each.exchange, each.number, periods[each.period]),
            rows=each.bars,
            first_date=each.first_date,
            last_date=each.last_date,
            fingerprint=f"{each.fingerprint & (1 << 64) - 1:016x}",
            asset_ids=tuple(each.asset_ids),
        )
        for each in fetch_parts(connection, starts, ASSETS_A_PART)
    ]


def _coverage(exchange: str, number: int, period: Period) -> Coverage:
    return Coverage(exchange=exchange, number=number, first_day=period.first, last_day=period.last)


def _read(connection: psycopg.Connection, parts: list[_Part]) -> pa.Table:
    """Read the bars of parts of the same assets, and those between the parts."""
    window = min(part.first_date for part in parts), max(part.last_date for part in parts)
    asset_ids = sorted({each for part in parts for each in part.asset_ids})
    return bars_of(fetch_bars(connection, dict.fromkeys(asset_ids, window)))


def _within(bars: pa.Table, part: _Part) -> pa.Table:
    """Return the bars of one part."""
    dates = bars["date"]
    chosen = pc.and_(pc.greater_equal(dates, part.first_date), pc.less_equal(dates, part.last_date))
    found = bars.filter(chosen)
    if len(found) != part.rows:
        raise InvariantBroken(
            f"{part.coverage}: {len(found)} bars were read where {part.rows} were counted"
        )
    return found


def _write(target: _Target, part: _Part, bars: pa.Table) -> LakeFile:
    content = parquet_of_bars(bars, target.compression)
    sha256 = hashlib.sha256(content).hexdigest()
    covers = part.coverage
    period = Period(covers.first_day, covers.last_day)
    path = bars_path(covers.exchange, covers.number, period, sha256)
    target.storage.put(path, content)
    return LakeFile(
        table="bars",
        path=path,
        rows=part.rows,
        bytes=content.size,
        sha256=sha256,
        first_date=part.first_date,
        last_date=part.last_date,
        covers=covers,
        fingerprint=part.fingerprint,
    )


def _small(
    connection: psycopg.Connection, storage: Storage, old: Mapping[str, LakeFile]
) -> Iterator[LakeFile]:
    """Write the small tables that have changed: equal content has the same name."""
    for table, schema in SMALL.items():
        rows = table_of(fetch_table_rows(connection, table), schema)
        content = parquet_of(rows)
        sha256 = hashlib.sha256(content).hexdigest()
        path = table_path(table, sha256)
        if path not in old:
            storage.put(path, content)
        yield LakeFile(table=table, path=path, rows=len(rows), bytes=content.size, sha256=sha256)


def _columns() -> dict[str, dict[str, str]]:
    """Return the type of each column of each table."""
    return {
        name: {field.name: str(field.type) for field in schema} for name, schema in TABLES.items()
    }


def _superseded(old: Manifest, files: Iterable[LakeFile], replaced: set[str]) -> tuple[str, ...]:
    """Return the files of the last manifest, and of Delta until now, that are used no longer."""
    kept = {file.path for file in files}
    # Another tool can have written to the Delta tables: its files are not ours to remove.
    ours = filter(OUR_FILE.fullmatch, replaced)
    return tuple(sorted({*(file.path for file in old.files), *ours} - kept))


def _sweep(storage: Storage, old: Manifest, new: Manifest) -> int:
    """Delete our files that neither this nor the last manifest names; return how many."""
    kept = {*(file.path for file in new.files), *new.superseded}
    found = {*old.superseded, *filter(OUR_FILE.fullmatch, storage.removable())}
    for path in found - kept:
        storage.remove(path)
    return len(found - kept)


def _figures(
    old: Manifest, new: Manifest, moment: datetime, removed: int, seconds: float
) -> LakeFigures:
    before = {file.path for file in old.files}
    written = [file for file in new.files if file.path not in before]
    return LakeFigures(
        moment=moment,
        generation=new.generation,
        files=len(new.files),
        written=len(written),
        kept=len(new.files) - len(written),
        removed=removed,
        bars=sum(file.rows for file in new.of("bars")),
        bytes=sum(file.bytes for file in new.files),
        bytes_written=sum(file.bytes for file in written),
        duration_sec=round(seconds, 3),
    )
