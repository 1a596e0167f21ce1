"""Examine the files: who may write and read what decides, and what must stay secret."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_nexus.app.doctor.diagnosis import Diagnosis, doubtful, well, wrong
from data_nexus.config import TOKEN_VARIABLES, Settings, settings_files, user_allowances
from data_nexus.database.embedded import private_places

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def file_lines(
    settings: Settings, options: Mapping[str, Any], environ: Mapping[str, str]
) -> Iterator[Diagnosis]:
    """Give the lines about the home, the settings files, the key file and the user's list."""
    yield _home(settings.home.expanduser().absolute())
    for file in settings_files(options, environ):
        if file.is_trusted:
            yield well("settings file", f"{file.path} is trusted")
        elif file.guarded or file.fault:
            remedy = file.fault or "if it is yours run: nexus config --trust (in its folder)"
            yield doubtful("settings file", f"{file.path} is not trusted", remedy)
        else:
            yield well("settings file", f"{file.path} sets nothing that needs trust")
    if name := environ.get(TOKEN_VARIABLES[1]):
        yield from _private("key file", Path(name))
    yield from _private("allowed list", user_allowances(environ).file)
    if settings.database_url is None:
        for place in private_places(settings.home):
            yield from _private("database folder", place)


def _home(home: Path) -> Diagnosis:
    there = home
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return wrong("home", f"{there} is not a folder", "set NEXUS_HOME to a folder of your own")
    if not os.access(there, os.W_OK | os.X_OK):
        remedy = "set NEXUS_HOME to a folder of your own"
        return wrong("home", f"{there} cannot be written by this user", remedy)
    if there != home:
        return well("home", f"{home} will be made when needed")
    mode = home.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return doubtful("home", f"all users can write to {home}", f"run: chmod o-w {home}")
    return well("home", f"{home} is writable")


def _private(name: str, path: Path) -> Iterator[Diagnosis]:
    """Give a line about what only its owner should enter or read; none if it is not there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not mode & _OTHERS:
        yield well(name, f"{path} is its owner's alone")
        return
    right = "700" if stat.S_ISDIR(mode) else "600"
    yield doubtful(name, f"others can enter or read {path}", f"run: chmod {right} {path}")
