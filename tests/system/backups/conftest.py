"""A loaded home with a backup, for all tests of backups; they may add to both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_nexus.backup.folder import BackupFolder
from data_nexus.database.embedded import embedded_server, remove
from tests.support.programs.commands import commands_at
from tests.support.vendor.sandbox import sandbox
from tests.system.backups.places import Place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("backups")
    with sandbox(symbols=3, years=1, clean=True) as vendor:
        commands = commands_at(folder, vendor)
        home, backups = folder / "nexus", folder / "kept"
        try:
            with embedded_server(home) as url:
                assert commands.run("discover", "--exchange", "US").code == 0
                assert commands.run("backfill", "--exchange", "US").code == 0
                made = commands.run("db", "backup", "--to", str(backups))
                assert made.code == 0, made.stderr
                yield Place(commands, home, url, backups)
        finally:
            remove(home)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home to restore into, deleted with its cluster."""
    yield tmp_path / "restored"
    remove(tmp_path / "restored")


@pytest.fixture
def copied(place: Place, tmp_path: Path) -> BackupFolder:
    """A copy of the folder with its first backup alone, to be damaged."""
    first = BackupFolder(place.backups).backups()[0]
    shutil.copytree(place.backups / first.name, tmp_path / "copied" / first.name)
    (tmp_path / "copied").chmod(0o700)
    return BackupFolder(tmp_path / "copied")
