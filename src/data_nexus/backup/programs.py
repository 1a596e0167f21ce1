"""Run PostgreSQL's own programs of the wheel for a backup."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from data_nexus.database.connection import conninfo
from data_nexus.database.embedded.os_account import programs
from data_nexus.errors import StorageUnavailable

_POLL_SEC = 0.1
_LAST_LINES = 6


class ProgramFailed(StorageUnavailable):
    """A program of PostgreSQL ended with an error; `said` are its last lines."""

    def __init__(self, program: str, said: str) -> None:
        super().__init__(
            f"backup: {program} failed: {said or 'it said nothing'}; nothing that was there before"
            " was changed: remove the cause and run it again"
        )
        self.said = said


class BackupEnded(StorageUnavailable):
    """Whoever asked for a backup has ended it; nothing is kept of it."""


def run_program(
    program: str,
    *arguments: str | Path,
    ended: threading.Event | None = None,
    password: str | None = None,
) -> str:
    """Run a program to its end and return what it printed.

    It is killed when `ended` is set or the caller is interrupted. It gets a bare environment, and a
    password by that alone. Raises `ProgramFailed`, or `BackupEnded`.
    """
    with tempfile.TemporaryFile() as output:
        running = start_program(program, *arguments, output=output.fileno(), password=password)
        try:
            while running.poll() is None:
                if ended is None:
                    running.wait()
                elif ended.wait(_POLL_SEC):
                    require_going(ended)
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if running.returncode != 0:
        raise ProgramFailed(program, last_lines(text))
    return text


def require_going(ended: threading.Event | None) -> None:
    """Raise `BackupEnded` once `ended` is set."""
    if ended is not None and ended.is_set():
        raise BackupEnded("backup: it was ended before it was complete")


def pause_between(ended: threading.Event | None) -> Callable[[float], None]:
    """Return what waits some seconds between two tries, and raises `BackupEnded` once `ended`."""

    def pause(seconds: float) -> None:
        (ended or threading.Event()).wait(seconds)
        require_going(ended)

    return pause


def start_program(
    program: str, *arguments: str | Path, output: int, password: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that writes what it prints to a file that is open; the caller ends it."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    if "TMPDIR" in os.environ:
        environment["TMPDIR"] = os.environ["TMPDIR"]
    if password is not None:
        environment["PGPASSWORD"] = password
    else:
        # Where a person keeps passwords for programs of PostgreSQL.
        kept = {name: os.environ[name] for name in ("HOME", "PGPASSFILE") if name in os.environ}
        environment |= kept | {n: os.environ[n] for n in ("PGPASSWORD",) if n in os.environ}
    return subprocess.Popen(  # noqa: S603 - our own programs, no shell
        [str(programs() / program), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment,
        start_new_session=True,
        umask=0o077,
    )


def place_of(url: str, schema: str = "public") -> tuple[str, str | None]:
    """Return what names a database on a command line, and the password, which must not."""
    parts = {k: str(v) for k, v in conninfo_to_dict(conninfo(url, schema, role="backup")).items()}
    password = parts.pop("password", None)
    # A dump of many rows takes longer than a statement may.
    parts.pop("options", None)
    return make_conninfo(**parts), password


def last_lines(text: str) -> str:
    """Return the last lines of what a program printed, without characters that are not shown."""
    lines = [line for line in text.strip().splitlines() if line.strip()][-_LAST_LINES:]
    return " / ".join("".join(c for c in line if c.isprintable()) for line in lines)
