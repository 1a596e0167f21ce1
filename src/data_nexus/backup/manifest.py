"""Describe a backup by a manifest, which is read without any database."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from data_nexus.config import read_regular
from data_nexus.errors import StorageDamaged

FILE = "manifest.json"
DATA = "data"
_PATTERN = re.compile(r"\d{8}T\d{6}\.\d{6}Z-(full|incremental|dump)")
_PIECE = 1 << 20
_LONGEST = 64 << 20


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup is of, what it needs, and what it holds.

    `rows` are counted at the `point` of the log to which the backup is restored. `files` have the
    SHA-256 of what PostgreSQL's own manifest does not cover, and of that manifest. `database` is
    the number that `initdb` drew for the cluster, or "" for a server's dump.
    """

    format: Literal[1] = 1
    name: str
    kind: Literal["full", "incremental", "dump"]
    parent: str | None
    began_at: datetime
    complete_at: datetime
    database: str
    timeline: int
    first_segment: str
    point: str | None
    server: str
    program: str
    schema: str
    revision: str
    rows: dict[str, int]
    files: dict[str, str]
    size: int


def is_backup_name(name: str) -> bool:
    """Whether a folder is named as a backup is; no such name leads anywhere else."""
    return _PATTERN.fullmatch(name) is not None


def write_manifest(folder: Path, manifest: BackupManifest) -> None:
    """Write the manifest with a checksum of itself, and sync it."""
    content = msgspec.to_builtins(manifest)
    text = json.dumps({"sha256": _digest_of(content), "manifest": content}, indent=1)
    path = folder / FILE
    with path.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
    path.chmod(0o600)


def read_manifest(folder: Path) -> BackupManifest:
    """Return the manifest of a backup; raise `StorageDamaged` if it is not as it was written."""
    try:
        found = json.loads(read_regular(folder / FILE)[:_LONGEST])
        content, said = found["manifest"], found["sha256"]
        manifest = msgspec.convert(content, BackupManifest)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        msgspec.MsgspecError,
    ) as error:
        raise damaged(folder.name, f"its {FILE} cannot be read ({type(error).__name__})") from None
    if said != _digest_of(content):
        raise damaged(folder.name, f"its {FILE} was changed after it was written")
    if manifest.name != folder.name or not is_backup_name(manifest.name):
        raise damaged(folder.name, f"its {FILE} is that of another backup")
    if manifest.parent is not None and not is_backup_name(manifest.parent):
        raise damaged(folder.name, f"its {FILE} names a parent that is not a backup")
    return manifest


def digests(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files, by their paths below a folder."""
    return {str(file.relative_to(root)): digest_of(file) for file in sorted(files)}


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def damaged(name: str, cause: str) -> StorageDamaged:
    """Return the error for a backup that is not as it was written."""
    return StorageDamaged(
        f"the backup {name} is damaged: {cause}; restore another one (nexus db backup --list), and"
        " look at the disk"
    )


def _digest_of(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
