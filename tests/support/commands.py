"""Owns `nexus` as a person runs it: a process with an environment of its own, and its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.sandbox import Sandbox

_PATIENCE_SEC = 120.0


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
class Commands:
    """A place to run commands: a folder that is their home, and their environment."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, **settings: object) -> Finished:
        """Run `nexus` to its end; settings are given as `batch_rows=100`."""
        return self.run_program("-m", "data_nexus", *arguments, **settings)

    def run_program(self, *arguments: str | Path, **settings: object) -> Finished:
        """Run a Python program to its end."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self._environment(settings),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SEC,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **settings: object) -> subprocess.Popen[str]:
        """Start `nexus`, and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "data_nexus", *arguments],
            cwd=self.folder,
            env=self._environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self, settings: Mapping[str, object]) -> dict[str, str]:
        given = {f"NEXUS_{key.upper()}": str(setting) for key, setting in settings.items()}
        return {**self.environment, **given}


def commands_at(folder: Path, vendor: Sandbox, database_url: str | None = None) -> Commands:
    """Commands that ask this vendor; without a URL the database is embedded in the folder.

    Nothing of the caller's environment reaches them but the way to programs.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "NEXUS_HOME": str(folder / "nexus"),
        "EODHD_API_KEY": vendor.token,
        "EODHD_BASE_URL": vendor.url,
        "NEXUS_BACKOFF_SECONDS": "0.01",
    }
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    return Commands(folder, environment)


def ended(child: subprocess.Popen[str]) -> Finished:
    """Wait for a started command and return how it ended."""
    stdout, stderr = child.communicate(timeout=_PATIENCE_SEC)
    return Finished(child.returncode, stdout, stderr)
