"""Encode and decode the manifest of a snapshot: its files, and what each of them holds. Pure.

`manifest.json` is the only file that is ever replaced. Reading it gives a whole snapshot, because
the files that it names never change.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Literal

import msgspec

from data_nexus.errors import UsageError
from data_nexus.research.snapshots.layout import OUR_FILE, table_of_file

MANIFEST = "manifest.json"
KIND = "data-nexus lake"
FORMAT = 1
# Far more assets than a part has in any version; what is read is as long as it says.
_MOST_ASSETS_A_PART = 1 << 20


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of bars covers: some assets of an exchange, and the days from first to last.

    `number` is that of the assets, divided by the manifest's `assets_a_part`; without a first or
    a last day the file holds all before or all after.
    """

    exchange: str
    number: int
    first_day: date | None
    last_day: date | None


class LakeFile(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file: its path, its content, and how a refresh knows that it is current.

    `fingerprint` is the database's hash of the same rows, in hexadecimal: a refresh keeps the file
    as long as the hash is the same.
    """

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str
    first_date: date | None = None
    last_date: date | None = None
    covers: Coverage | None = None
    fingerprint: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot: the moment of the database that it equals, its tables and its files.

    `generation` counts the refreshes; 0 means that none has been completed yet.
    `is_delta` means that each table is a Delta table too, which every refresh then commits.
    `superseded` are files of the generation before, kept for its readers. `learned` are days that
    are sessions of an exchange, or are none, against its calendar.
    """

    kind: str = KIND
    format: int = FORMAT
    generation: int = 0
    moment: datetime | None = None
    written_by: str = ""
    assets_a_part: int = 0
    compression: Literal["", "lz4", "zstd", "none"] = ""
    is_delta: bool = False
    tables: dict[str, dict[str, str]] = {}
    files: tuple[LakeFile, ...] = ()
    superseded: tuple[str, ...] = ()
    learned: tuple[tuple[str, date, bool], ...] = ()

    def of(self, table: str) -> tuple[LakeFile, ...]:
        """Return the files of a table."""
        return tuple(file for file in self.files if file.table == table)


class _Label(msgspec.Struct, frozen=True):
    """The fields that every format has."""

    kind: str
    format: int


def encoded(manifest: Manifest) -> bytes:
    """Return the manifest as it is stored."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decoded(content: bytes, name: str) -> Manifest:
    """Return the manifest of the storage `name`; raise `UsageError` for one we cannot read."""
    try:
        label = msgspec.json.decode(content, type=_Label)
        if label.kind != KIND:
            raise UsageError(f"{name}: {MANIFEST} belongs to something else: {label.kind!r}")
        if label.format != FORMAT:
            raise UsageError(
                f"{name} is a snapshot of format {label.format}, this version reads format"
                f" {FORMAT}; use the version of data-nexus that wrote it, or a later one"
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name}: {MANIFEST} is not a manifest of a snapshot: {error}") from None
    if odd := _oddity(manifest):
        raise UsageError(f"{name}: {MANIFEST} was not written by an export: {odd}")
    # Another tool's file can have been part of a Delta table; it is not ours to remove.
    ours = filter(OUR_FILE.fullmatch, manifest.superseded)
    return msgspec.structs.replace(manifest, superseded=tuple(ours))


def _oddity(manifest: Manifest) -> str | None:
    """Return what no export writes: names that lead elsewhere, numbers beyond reason."""
    for file in manifest.files:
        if table_of_file(file.path) != file.table:
            return f"it names {file.path!r} as a file of the table {file.table!r}"
        if file.rows < 0 or file.bytes < 0 or (file.table == "bars") != (file.covers is not None):
            return f"its entry of {file.path!r} does not fit its table"
    if manifest.files and not 0 < manifest.assets_a_part <= _MOST_ASSETS_A_PART:
        return f"a part of {manifest.assets_a_part} assets"
    counts = Counter(file.table for file in manifest.files)
    doubled = [table for table, count in counts.items() if count > 1 and table != "bars"]
    return f"several files of the table {doubled[0]!r}" if doubled else None
