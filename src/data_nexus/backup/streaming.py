"""Stream the log of the embedded cluster into a folder of backups, for a restore to any moment."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from data_nexus.backup.folder import WAL, BackupFolder
from data_nexus.backup.programs import last_lines, place_of, start_program
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.store.backups.log_streams import begin_log, keep_log, note_life
from data_nexus.errors import NexusError, StorageUnavailable

_SLOTS = "nexus_backup_"
_LOCK = "stream.lock"
# It is there while the log that was streamed before has a gap, which a backup closes.
_GAP = "stream.gap"
# A database that rests leaves a moment in its log so often: no restore loses more than that.
_LIFE_SEC = 20.0
_POLL_SEC = 0.5
_AGAIN_SEC = 5.0
_GIVE_UP_AFTER = 12


def stream_log(
    database: PostgresConnection,
    folder: BackupFolder,
    ended: threading.Event,
    lost: Callable[[], None],
) -> None:
    """Stream the log until `ended`; call `lost` when a piece of it is gone, for a new backup.

    What is streamed is on the disk at once. The server keeps for the stream what it has not had
    yet, up to a limit, so that it goes on where it was. A stream into this folder that has outlived
    its command is ended; one into another folder that has ended is forgotten. Raises
    `StorageUnavailable` if it fails for a minute.
    """
    folder.make()
    failures = 0
    with folder.locked(_LOCK):
        while not ended.is_set():
            begun = time.monotonic()
            try:
                slot = _slot_of(folder)
                _keep_log(database, folder, slot)
                if (folder.path / _GAP).exists() or not folder.copies():
                    lost()
                    (folder.path / _GAP).unlink(missing_ok=True)
                _stream_once(database, folder, slot, ended)
            except NexusError:
                failures = 1 if time.monotonic() - begun > _AGAIN_SEC * 2 else failures + 1
                if failures >= _GIVE_UP_AFTER:
                    raise
                ended.wait(_AGAIN_SEC)


def _slot_of(folder: BackupFolder) -> str:
    """Return the name under which the server keeps the log for a folder."""
    return _SLOTS + hashlib.sha256(str(folder.path).encode()).hexdigest()[:16]


def _keep_log(database: PostgresConnection, folder: BackupFolder, slot: str) -> None:
    """Let the server keep the log for the stream; note a gap if a piece is missing before."""
    if not keep_log(database, slot, _SLOTS):
        (folder.path / _GAP).touch(mode=0o600)
        begin_log(database, slot)


def _stream_once(
    database: PostgresConnection, folder: BackupFolder, slot: str, ended: threading.Event
) -> None:
    """Stream into a folder of its own, whose first segment is where the server says to go on."""
    target = folder.path / WAL / f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    target.mkdir(parents=True, mode=0o700)
    place, _ = place_of(database.url)
    with tempfile.TemporaryFile() as output:
        streaming = start_program(
            "pg_receivewal",
            *(
                "--dbname",
                place,
                "--slot",
                slot,
                "--directory",
                target,
                "--synchronous",
                "--no-loop",
            ),
            output=output.fileno(),
        )
        try:
            life = 0.0
            while streaming.poll() is None and not ended.wait(_POLL_SEC):
                if time.monotonic() - life > _LIFE_SEC:
                    note_life(database)
                    life = time.monotonic()
        finally:
            streaming.terminate()
            streaming.wait()
        if not any(target.iterdir()):
            target.rmdir()
        if not ended.is_set():
            output.seek(0)
            said = last_lines(output.read().decode("utf-8", "replace"))
            raise StorageUnavailable(f"backup: the stream of the log broke: {said}; run it again")


def streamed_segments(folder: BackupFolder, first: str) -> dict[str, Path]:
    """Return the streamed segments from one on, of its timeline, by their names.

    Of one that was streamed twice the whole one, else the one that was streamed last.
    """
    found: dict[str, Path] = {}
    for place in sorted((folder.path / WAL).glob("*")):
        if place.is_symlink() or not place.is_dir():
            continue
        for file in sorted(place.iterdir()):
            name, is_whole = file.name.removesuffix(".partial"), not file.name.endswith(".partial")
            is_segment = len(name) == 24 and set(name) <= set("0123456789ABCDEF")
            if not is_segment or file.is_symlink() or not file.is_file():
                continue
            if name[:8] != first[:8] or name < first:
                continue
            before = found.get(name)
            if before is None or is_whole or before.name.endswith(".partial"):
                found[name] = file
    return found
