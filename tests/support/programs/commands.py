"""`nexus` as a person runs it: a process with an environment of its own, and its answer."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.programs.forks import FORKS, Child
from tests.support.vendor.sandbox import Sandbox

_PATIENCE_SEC = 120.0
_NEXUS = "data_nexus.cli.main:main"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def answer(self) -> Any:  # noqa: ANN401 - JSON is any shape
        """The one JSON document on stdout."""
        return json.loads(self.stdout)


@dataclass(frozen=True, slots=True)
class Running:
    """A command under way."""

    child: Child | subprocess.Popen[str]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.child.send_signal(number)

    def says(self, text: str) -> None:
        """Wait for the next line on stderr, and expect the text in it."""
        assert self.child.stderr
        line = self.child.stderr.readline()
        assert text in line, line

    def end(self) -> Finished:
        """Wait for its end."""
        stdout, stderr = self.child.communicate(timeout=_PATIENCE_SEC)
        return Finished(self.child.wait(), stdout, stderr)


@dataclass(frozen=True, slots=True)
class Commands:
    """A place to run commands: a folder that is their home, and their environment."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, **settings: object) -> Finished:
        """Run `nexus` to its end, forked; settings are given as `batch_rows=100`."""
        with self.running(*arguments, **settings) as command:
            return command.end()

    def run_process(self, *arguments: str, **settings: object) -> Finished:
        """Run `nexus` to its end as a shell starts it: a second slower, and all is loaded anew."""
        return self.run_program("-m", "data_nexus", *arguments, **settings)

    def run_program(self, *arguments: str | Path, **settings: object) -> Finished:
        """Run a Python program to its end."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment_with(settings),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SEC,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(self, *arguments: str, **settings: object) -> Iterator[Running]:
        """Start `nexus`, forked; it is killed at the end of the block unless it has ended."""
        child = FORKS.start(_NEXUS, arguments, self.environment_with(settings), self.folder)
        try:
            yield Running(child)
        finally:
            child.close()

    @contextmanager
    def running_process(self, *arguments: str, **settings: object) -> Iterator[Running]:
        """Start `nexus` as a shell does: for who looks at its arguments or its memory."""
        with subprocess.Popen(
            [sys.executable, "-m", "data_nexus", *arguments],
            cwd=self.folder,
            env=self.environment_with(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                yield Running(child)
            finally:
                child.kill()

    def environment_with(self, settings: Mapping[str, object]) -> dict[str, str]:
        """The environment with some settings."""
        given = {f"NEXUS_{key.upper()}": str(setting) for key, setting in settings.items()}
        return {**self.environment, **given}


def commands_at(folder: Path, vendor: Sandbox, database_url: str | None = None) -> Commands:
    """Commands that ask this vendor; without a URL the database is embedded in the folder.

    Nothing of the caller's environment reaches them but the ways to programs and modules.
    """
    environment = {
        **{way: os.environ[way] for way in ("PATH", "PYTHONPATH") if way in os.environ},
        "HOME": str(folder),
        "NEXUS_HOME": str(folder / "nexus"),
        "EODHD_API_KEY": vendor.token,
        "EODHD_BASE_URL": vendor.url,
        "NEXUS_BACKOFF_SECONDS": "0.01",
    }
    _share_calendars(folder / "nexus")
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    return Commands(folder, environment)


def _share_calendars(home: Path) -> None:
    """Let a home find the calendars that commands of this run have computed already."""
    home.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (home / "calendars").symlink_to(_calendars(), target_is_directory=True)


@cache
def _calendars() -> Path:
    folder = TemporaryDirectory(prefix="nexus-test-calendars-")
    atexit.register(folder.cleanup)
    return Path(folder.name)
