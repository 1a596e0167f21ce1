"""The project's own files as the house tests read them: paths, text and parsed modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "src/data_nexus"
CODE = ("src", "tests", "bench", "tools", "bin", "scripts")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Module:
    """A module by its path from the root, with its text and syntax tree."""

    path: str
    text: str
    tree: ast.Module

    def at(self, node: ast.stmt | ast.expr | ast.ExceptHandler) -> str:
        """Where `node` stands, as editors and terminals open it."""
        return f"{self.path}:{node.lineno}"


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python module below the folders (those that exist), in the order of their paths."""
    found = tuple(
        Module(path, read(path), ast.parse(read(path), path))
        for path in files(*folders)
        if path.endswith(".py")
    )
    assert found, f"no module below {folders}"
    return found


@cache
def files(*folders: str) -> tuple[str, ...]:
    """Every file of the project below the folders, as paths from the root; `.` is all of it.

    What `.gitignore` names is not the project's. Git itself is not asked: a copy without its
    history is held to the same laws.
    """
    return tuple(
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder, *sorted((ROOT / folder).rglob("*")))
        if path.is_file() and not _is_ignored(path.relative_to(ROOT))
    )


@cache
def read(path: str) -> str:
    """The text of one of the project's files; one that is no text reads as nothing."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def definitions(module: Module) -> Iterator[Definition]:
    """Every class and function of the module, nested ones included."""
    return (node for node in ast.walk(module.tree) if isinstance(node, Definition))


@cache
def _ignored_patterns() -> tuple[str, ...]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    return (".git", *(line.strip("/") for line in lines))


def _is_ignored(path: Path) -> bool:
    return any(Path(part).match(glob) for part in path.parts for glob in _ignored_patterns())
