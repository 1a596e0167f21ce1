"""A home whose server stays up, with its backups, and ways to change what is in a backup."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from data_nexus.backup.folder import BackupFolder
from data_nexus.backup.manifest import digest_of, write_manifest
from tests.support.programs.commands import Commands

NOTE = "INSERT INTO watchlists (name) VALUES ('{}')"
NAMES = "SELECT name FROM watchlists ORDER BY name"


@dataclass(frozen=True)
class Place:
    """A loaded home whose server stays up, its URL, and a folder with a full backup."""

    commands: Commands
    home: Path
    url: str
    backups: Path

    def restored(self, home: Path, *options: str, backups: Path | None = None) -> Mapping[str, Any]:
        """What `nexus db restore` answers."""
        source = ("--from", str(backups or self.backups))
        done = self.commands.run("db", "restore", *source, "--into", str(home), "--json", *options)
        assert done.code == 0, done.stderr
        return dict(done.answer)


def flip(file: Path, at: float) -> None:
    """Flip a bit of a file, at a share of its length."""
    with file.open("r+b") as opened:
        position = int((file.stat().st_size - 1) * at)
        opened.seek(position)
        byte = opened.read(1)[0]
        opened.seek(position)
        opened.write(bytes([byte ^ 1]))


def forge(folder: BackupFolder, name: str, change: Callable[[Path], None]) -> None:
    """Change a file of the only backup so that all checksums fit: it was so when it was copied."""
    manifest = folder.backups()[-1]
    data = folder.path / manifest.name / "data"
    change(data / name)
    listed = json.loads((data / "backup_manifest").read_text())
    for each in listed["Files"]:
        if each.get("Path") == name:
            each |= {"Size": (data / name).stat().st_size, "Checksum": digest_of(data / name)}
    (data / "backup_manifest").write_text(json.dumps(listed))
    files = manifest.files | {"backup_manifest": digest_of(data / "backup_manifest")}
    write_manifest(data.parent, msgspec.structs.replace(manifest, files=files))
