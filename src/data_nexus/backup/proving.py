"""Prove that a backup is as it was written, by checksums of all its files."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from data_nexus.backup.folder import BackupFolder
from data_nexus.backup.manifest import DATA, BackupManifest, damaged, digest_of
from data_nexus.backup.programs import ProgramFailed, require_going, run_program
from data_nexus.config import read_regular

_PLACE = "^[0-9A-F]{1,8}/[0-9A-F]{1,8}$"


class _ServerFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the server's manifest; a name that is not UTF-8 stands there in hexadecimal."""

    path: str = msgspec.field(name="Path", default="")
    encoded: str = msgspec.field(name="Encoded-Path", default="")
    size: int = msgspec.field(name="Size")
    algorithm: Literal["SHA256"] = msgspec.field(name="Checksum-Algorithm")
    checksum: str = msgspec.field(name="Checksum")

    @property
    def place(self) -> str:
        return self.path or os.fsdecode(bytes.fromhex(self.encoded))


class _LogRange(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the log that the copy needs."""

    timeline: int = msgspec.field(name="Timeline")
    start: Annotated[str, msgspec.Meta(pattern=_PLACE)] = msgspec.field(name="Start-LSN")
    end: Annotated[str, msgspec.Meta(pattern=_PLACE)] = msgspec.field(name="End-LSN")


class _ServerManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What of the server's manifest is read."""

    files: list[_ServerFile] = msgspec.field(name="Files")
    log: list[_LogRange] = msgspec.field(name="WAL-Ranges")


def prove(folder: BackupFolder, newest: BackupManifest) -> list[BackupManifest]:
    """Prove a backup and all that it needs; return them, the full one first.

    Raises `StorageDamaged` that names the first thing that is not as it was written.
    """
    chain = folder.chain(newest)
    for manifest in chain:
        prove_alone(folder.path / manifest.name, manifest)
    return chain


def prove_alone(place: Path, manifest: BackupManifest) -> None:
    """Prove one backup without those that it needs."""
    data = place / DATA
    require_plain(manifest.name, data)
    for name, digest in manifest.files.items():
        file = data / name
        if not file.resolve().is_relative_to(data.resolve()):
            raise damaged(manifest.name, "its manifest names a file outside of it")
        if not file.is_file():
            raise damaged(manifest.name, f"{name} is gone")
        if digest_of(file) != digest:
            raise damaged(manifest.name, f"{name} was changed after it was written")
    if manifest.kind == "dump":
        if {each.name for each in data.iterdir()} != set(manifest.files):
            raise damaged(manifest.name, "it has files that are not its own")
        return
    _require_own_log(manifest, data)
    prove_cluster(manifest.name, data)


def prove_cluster(name: str, data: Path, ended: threading.Event | None = None) -> None:
    """Prove the copy of a cluster by the manifest that the server wrote, and read its log.

    This is what `pg_verifybackup` does; the wheel's own ends by a segmentation fault, whatever it
    is given (ADR 52).
    """
    try:
        listed = msgspec.json.decode(read_regular(data / "backup_manifest"), type=_ServerManifest)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise damaged(
            name, f"its backup_manifest cannot be read ({type(error).__name__})"
        ) from None
    expected = {file.place: file for file in listed.files}
    found = {
        os.path.relpath(Path(place, file), data)
        for place, _, files in os.walk(data)
        for file in files
    }
    strange = {each for each in found - set(expected) if not each.startswith("pg_wal/")}
    if strange - {"backup_manifest"}:
        raise damaged(name, f"{min(strange - {'backup_manifest'})} is not its own")
    if gone := set(expected) - found:
        raise damaged(name, f"{min(gone)} is gone")
    for place, file in expected.items():
        require_going(ended)
        if (data / place).stat().st_size != file.size or digest_of(data / place) != file.checksum:
            raise damaged(name, f"{place} was changed after it was written")
    for part in listed.log:
        _read_log(name, data, part)


def _read_log(name: str, data: Path, part: _LogRange) -> None:
    options = (f"--timeline={part.timeline}", f"--start={part.start}", f"--end={part.end}")
    try:
        run_program("pg_waldump", "--quiet", f"--path={data / 'pg_wal'}", *options)
    except ProgramFailed as error:
        raise damaged(name, f"its log cannot be read: {error.said}") from None


def require_plain(name: str, data: Path) -> None:
    """Raise `StorageDamaged` unless there are only files and folders: no link leads elsewhere."""
    if not data.is_dir() or data.is_symlink():
        raise damaged(name, f"its folder {DATA} is gone")
    for place, folders, files in os.walk(data):
        for each in (*folders, *files):
            path = Path(place, each)
            mode = path.lstat().st_mode
            if not stat.S_ISDIR(mode) and not (stat.S_ISREG(mode) and path.lstat().st_nlink == 1):
                raise damaged(name, f"{path.relative_to(data)} is a link or a device")


def _require_own_log(manifest: BackupManifest, data: Path) -> None:
    """Raise `StorageDamaged` for a file of the log that the manifest does not name."""
    found = {f"pg_wal/{each.name}" for each in (data / "pg_wal").iterdir() if each.is_file()}
    if strange := found - set(manifest.files):
        raise damaged(manifest.name, f"{min(strange)} is not its own")
