"""Write an export's files whole, into a folder that is known to be ours."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_nexus.errors import UsageError

MANIFEST = "nexus-export.json"
_WRITTEN = "nexus-export.files"
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.~-]*")
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
            listed = self.path / _WRITTEN
            earlier = set(listed.read_text("utf-8").splitlines()) if listed.exists() else set()
        elif any(self.path.iterdir()) and not force:
            raise UsageError(
                f"{self.path} holds files that are not a {self._form} export; name another folder,"
                " or use --force to write among them"
            )
        else:
            (self.path / _WRITTEN).unlink(missing_ok=True)
        self._write_manifest(is_complete=False)
        return {name for name in earlier if all(map(_PART.fullmatch, name.split("/")))}

    def _clear(self) -> None:
        """Remove the partial files of an interrupted export."""
        for partial in [*self.path.rglob(".*.partial")]:
            if _PARTIAL.fullmatch(partial.name) and partial.is_dir():
                shutil.rmtree(partial)
            elif _PARTIAL.fullmatch(partial.name):
                partial.unlink(missing_ok=True)

    def _manifest(self) -> Mapping[str, Any]:
        try:
            found = json.loads((self.path / MANIFEST).read_text("utf-8"))
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
        if not parts or not all(map(_PART.fullmatch, parts)):
            raise ValueError(f"not file names: {parts}")
        name = "/".join(parts)
        if name.casefold() in self._names:
            raise UsageError(f"two assets would be written to {name}; export them separately")
        # Recorded before it is written, so that a kill leaves no unknown file.
        with (self.path / _WRITTEN).open("a", encoding="utf-8") as listed:
            listed.write(f"{name}\n")
        self._names.add(name.casefold())
        self._earlier.discard(name)
        path = self.path.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def holds(self, *parts: str) -> bool:
        """Return whether this export has written a file of that name."""
        return "/".join(parts).casefold() in self._names

    def finish(self, figures: Mapping[str, Any]) -> None:
        """Remove what only earlier exports wrote, and mark the manifest as complete."""
        for name in self._earlier:
            if name.casefold() not in self._names:
                self.path.joinpath(*name.split("/")).unlink(missing_ok=True)
        listed = self.path / _WRITTEN
        if listed.exists():
            names = listed.read_text("utf-8").splitlines()
            kept = dict.fromkeys(name for name in names if name.casefold() in self._names)
            with whole_file(listed) as partial:
                partial.write_text("".join(f"{name}\n" for name in kept), "utf-8")
        self._write_manifest(is_complete=True, **figures)
