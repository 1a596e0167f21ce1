"""Read `nexus.toml` from NEXUS_HOME and from the working folder, and say what each may set.

The file of NEXUS_HOME is trusted. That of the working folder came with whatever was unpacked or
cloned there: it may set how fast a command works and what it logs, but what says where the key
goes, which database is used, what is believed, deleted or spent only once a person has allowed this
very file with this very content.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_nexus.config.addresses import without_password, without_path
from data_nexus.config.allowances import Allowances, file_number
from data_nexus.config.settings import SECRET_ADDRESSES, SETTINGS
from data_nexus.errors import UsageError

_LARGEST = 64 << 10
_KIND = "file"
_FOREIGN = "it belongs to another user: make a copy of your own"
_BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A `nexus.toml`: its values by key, and whether it is trusted; `fault` bars an allowance."""

    path: Path
    values: Mapping[str, object]
    number: str
    is_trusted: bool
    fault: str = ""

    @property
    def guarded(self) -> list[str]:
        """The keys in it that only a trusted file may set."""
        return sorted(key for key in self.values if _BY_KEY[key].is_guarded)

    def check(self) -> None:
        """Raise `UsageError` if it sets what only a trusted file may, and is none."""
        if self.is_trusted or not self.guarded:
            return
        remedy = self.fault or (
            "read the file, and if it is yours run: nexus config --trust (in this folder)"
        )
        raise UsageError(
            f"{self.path}: {', '.join(self.guarded)} cannot be set by a file"
            f" that is not trusted; {remedy}"
        )

    def allow(self, allowances: Allowances) -> None:
        """Allow it with the content that was read; raise `UsageError` if that cannot be."""
        if self.fault:
            raise UsageError(f"{self.path}: {self.fault}")
        allowances.add(_KIND, self.number, self.path)


def home_file(home: str) -> SettingsFile | None:
    """Read the file of NEXUS_HOME; trusted if that is an absolute path and the file the user's."""
    try:
        folder = Path(home).expanduser()
    except RuntimeError as error:  # a user that the system does not know
        raise UsageError(f"NEXUS_HOME: {home}: {error}") from None
    read = _read(folder / "nexus.toml")
    if read is None:
        return None
    path, values, number, owner, mode = read
    # `sudo nexus` serves a user's own home.
    fault = "" if owner in (0, os.geteuid()) or os.geteuid() == 0 else _FOREIGN
    for place, its_mode in ((path, mode), (path.parent, _folder_mode(path.parent))):
        if its_mode & stat.S_IWOTH:
            fault = f"all users can write to {place}: look at it, then run: chmod o-w {place}"
    if not path.is_absolute():
        fault = "name NEXUS_HOME by its absolute path: a relative one is in any working folder"
    return SettingsFile(path, values, number, not fault, fault)


def folder_file(folder: Path, allowances: Allowances) -> SettingsFile | None:
    """Read the file of the working folder; trusted if this user has allowed it as it is."""
    read = _read(folder / "nexus.toml")
    if read is None:
        return None
    path, values, number, owner, _ = read
    fault = "" if owner in (0, os.geteuid()) else _FOREIGN
    return SettingsFile(path, values, number, not fault and allowances.has(_KIND, number), fault)


def _folder_mode(folder: Path) -> int:
    """Return the mode of a folder; of one in which only owners replace files, without writing."""
    mode = folder.stat().st_mode
    return mode & ~stat.S_IWOTH if mode & stat.S_ISVTX else mode


def _read(path: Path) -> tuple[Path, dict[str, object], str, int, int] | None:
    """Return path, values, number, owner and mode of a file of settings; None if there is none."""
    if not path.is_file():
        return None
    try:
        content, owner, mode = _content(path)
        values = tomllib.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from None
    if _has_password(values) and mode & stat.S_IRWXO:
        raise UsageError(
            f"{path}: others can read it and the password in it; run: chmod 600 {path}"
        )
    if unknown := sorted(values.keys() - _BY_KEY.keys()):
        raise UsageError(f"{path}: unknown setting {unknown[0]!r}; `nexus config` lists all")
    return path, values, file_number(path, content), owner, mode


def _has_password(values: Mapping[str, object]) -> bool:
    url = values.get("database_url")
    keys = (each for each in _BY_KEY.values() if each.field in SECRET_ADDRESSES)
    hidden = (values.get(each.key) for each in keys)
    return (isinstance(url, str) and without_password(url) != url) or any(
        isinstance(each, str) and without_path(each) != each for each in hidden
    )


def _content(path: Path) -> tuple[bytes, int, int]:
    """Return a small regular file's bytes, its owner and its mode."""
    # Opened once: what is hashed is what is read, whatever happens to the path meanwhile.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path}: not a regular file")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UsageError(f"{path}: larger than 64 kB, so not a file of settings")
    return content, status.st_uid, status.st_mode
