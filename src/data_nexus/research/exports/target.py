"""Write an export's files whole, into a folder that is known to be ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from data_nexus.config import read_regular
from data_nexus.errors import UsageError

MANIFEST = "nexus-export.json"
_WRITTEN = "nexus-export.files"
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.~-]*")
# The names that each format writes, and no others; only such files are ever removed.
_NAME = r"[A-Za-z0-9_.~-]+"
_TABLES = rf"(?:bars/{_NAME}|assets|actions)"
LAYOUTS = {
    form: re.compile(names)
    for form, names in {
        "csv": rf"{_TABLES}\.csv",
        "parquet": rf"{_TABLES}\.parquet",
        "arrow": rf"{_TABLES}\.arrow",
        "zipline": rf"(?:bars/{_NAME}|assets|splits|dividends)\.csv|bundle\.json|extension\.py",
        "qlib": rf"calendars/day\.txt|instruments/all\.txt|features/{_NAME}/[a-z]+\.day\.bin",
        "lean": rf"equity/{_NAME}/(?:daily/{_NAME}\.zip|(?:map|factor)_files/{_NAME}\.csv)",
        "nautilus": rf"data/(?:{_NAME}/)*{_NAME}\.parquet",
        "backtrader": rf"(?:bars/{_NAME}|assets)\.csv",
    }.items()
}
_OPEN = os.O_CLOEXEC | os.O_NOFOLLOW
_PARTIAL = re.compile(r"\.[0-9a-f]{32}\.partial")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` when the block ends, and only then.

    It is in the same folder, so that the renaming is atomic: a kill leaves what was there before.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def one_file(path: Path, *, force: bool) -> Path:
    """Return `path` if an export may be written there; raise `UsageError` if it may not."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it, or leave out the ending")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; --force replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _linked(folder: Path, link: Path) -> UsageError:
    return UsageError(
        f"{folder}: {link.relative_to(folder)} is a link, and an export's files lie in its own"
        " folder; remove the link, or name another folder"
    )


class ExportFolder:
    """A folder that an export fills: new, empty, of an earlier export of this format, or forced.

    `finish` removes the files of earlier exports that this one did not write; nothing else is ever
    removed. A file that is listed but not finished belongs to an interrupted export; the next one
    removes it.
    """

    def __init__(self, path: Path, form: str, *, force: bool = False) -> None:
        self.path, self._form = path, form
        self._names: set[str] = set()
        self._earlier = self._take(force=force)

    def _take(self, *, force: bool) -> set[str]:
        """Claim the folder, and return what earlier exports wrote into it."""
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is a file; name a folder")
        self.path.mkdir(parents=True, exist_ok=True)
        earlier: set[str] = set()
        if self._manifest().get("format") == self._form:
            self._clear()
            earlier = set(self._listed())
        elif any(self.path.iterdir()) and not force:
            raise UsageError(
                f"{self.path} holds files that are not a {self._form} export; name another folder,"
                " or use --force to write among them"
            )
        else:
            (self.path / _WRITTEN).unlink(missing_ok=True)
        self._write_manifest(is_complete=False)
        return {name for name in earlier if self._is_ours(name)}

    def _is_ours(self, name: str) -> bool:
        """Return whether a name, wherever it was read, is one of this format's files."""
        is_plain = all(map(_PART.fullmatch, name.split("/")))
        return is_plain and LAYOUTS[self._form].fullmatch(name) is not None

    def _listed(self) -> list[str]:
        """Return the names that exports have recorded."""
        try:
            with self._record(os.O_RDONLY) as listed:
                return listed.read().splitlines()
        except FileNotFoundError:
            return []

    def _record(self, flags: int) -> IO[str]:
        """Open the list of written files; never one elsewhere that a link leads to."""
        path = self.path / _WRITTEN
        if path.is_symlink():
            raise _linked(self.path, path)
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a regular file; remove it, or name another folder")
        mode = "r" if flags == os.O_RDONLY else "a"
        return open(
            path, mode, encoding="utf-8", opener=lambda at, _: os.open(at, flags | _OPEN, 0o666)
        )

    def _clear(self) -> None:
        """Remove the partial files of an interrupted export."""
        for partial in [*self.path.rglob(".*.partial")]:
            is_folder = partial.is_dir() and not partial.is_symlink()
            if _PARTIAL.fullmatch(partial.name) and is_folder:
                shutil.rmtree(partial)
            elif _PARTIAL.fullmatch(partial.name):
                partial.unlink(missing_ok=True)

    def _manifest(self) -> Mapping[str, Any]:
        try:
            found = json.loads(read_regular(self.path / MANIFEST))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write_manifest(self, **facts: object) -> None:
        with whole_file(self.path / MANIFEST) as partial:
            content = {"format": self._form, **facts}
            partial.write_text(json.dumps(content, indent=2, default=str) + "\n", "utf-8")

    @contextmanager
    def file(self, *parts: str, again: bool = False) -> Iterator[Path]:
        """Yield a path to write to, which becomes the file of that name when the block ends.

        `parts` are the path below the folder, made by `file_name` where they hold a symbol.
        Raises `UsageError` for a name that this export has already written, unless `again`.
        """
        with whole_file(self.path.joinpath(*parts) if again else self.reserve(*parts)) as partial:
            yield partial

    def reserve(self, *parts: str) -> Path:
        """Return the path of a file that this export is about to write, and record its name."""
        name = "/".join(parts)
        if not all(map(_PART.fullmatch, parts)) or not self._is_ours(name):
            raise ValueError(f"not file names of a {self._form} export: {parts}")
        if name.casefold() in self._names:
            raise UsageError(f"two assets would be written to {name}; export them separately")
        # Recorded before it is written, so that a kill leaves no unknown file.
        with self._record(os.O_WRONLY | os.O_CREAT | os.O_APPEND) as listed:
            listed.write(f"{name}\n")
        self._names.add(name.casefold())
        self._earlier.discard(name)
        self._refuse_links(name)
        path = self.path.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _refuse_links(self, name: str) -> None:
        """Raise `UsageError` if a folder on the way to a file of ours lies elsewhere."""
        below = self.path
        for part in name.split("/")[:-1]:
            below /= part
            if below.is_symlink():
                raise _linked(self.path, below)

    def holds(self, *parts: str) -> bool:
        """Return whether this export has written a file of that name."""
        return "/".join(parts).casefold() in self._names

    def finish(self, figures: Mapping[str, Any]) -> None:
        """Remove what only earlier exports wrote, and mark the manifest as complete."""
        for name in self._earlier:
            if name.casefold() not in self._names:
                self._refuse_links(name)
                self.path.joinpath(*name.split("/")).unlink(missing_ok=True)
        if names := self._listed():
            kept = dict.fromkeys(name for name in names if name.casefold() in self._names)
            with whole_file(self.path / _WRITTEN) as partial:
                partial.write_text("".join(f"{name}\n" for name in kept), "utf-8")
        self._write_manifest(is_complete=True, **figures)
