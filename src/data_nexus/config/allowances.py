"""Remember what this user has allowed: settings files by their content, clusters by their number.

The list is in the user's own configuration folder and never below NEXUS_HOME: what an archive
brings along must not be able to allow itself.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from data_nexus.errors import UsageError

_NAME = "allowed"
_LARGEST = 1 << 22


@dataclass(frozen=True, slots=True)
class Allowances:
    """The list of one user: lines of a kind, an id, and a path for people."""

    file: Path

    def has(self, kind: str, number: str) -> bool:
        """Whether the user has allowed this; a list that others may write to allows nothing."""
        wanted = (kind, number)
        return any(tuple(line.split(" ", 2)[:2]) == wanted for line in self._lines())

    def add(self, kind: str, number: str, path: Path) -> None:
        """Allow this; raise `UsageError` if the list cannot be written."""
        if self.has(kind, number):
            return
        line = f"{kind} {number} {os.fsdecode(path)!r}\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.file, flags, 0o600)
            try:
                os.write(descriptor, line.encode("utf-8", "backslashreplace"))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UsageError(
                f"{self.file}: {error.strerror}; set XDG_CONFIG_HOME to a folder of your own that"
                " can be written to"
            ) from None

    def _lines(self) -> list[str]:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self.file, flags)
        except OSError:
            return []
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            is_own = status.st_uid in (0, os.geteuid())
            if not is_own or status.st_mode & 0o077 or not stat.S_ISREG(status.st_mode):
                return []
            return file.read(_LARGEST).decode("utf-8", "replace").splitlines()


def user_allowances(environ: Mapping[str, str] | None = None) -> Allowances:
    """Return the list of the user that runs this command."""
    environ = os.environ if environ is None else environ
    given = Path(environ.get("XDG_CONFIG_HOME") or "")
    # By the environment that is passed on, as all settings are read.
    folder = given if given.is_absolute() else platformdirs.user_config_path()
    with suppress(OSError):
        folder = folder.resolve()
    return Allowances(folder / "data-nexus" / _NAME)


def file_number(path: Path, content: bytes) -> str:
    """Return what identifies a file at its place with its content: another content is another."""
    place = os.fsencode(path.parent.resolve() / path.name)
    return hashlib.sha256(place + b"\0" + content).hexdigest()
