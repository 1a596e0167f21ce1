"""House law 9: a folder is overlooked at a glance, and its parts lean on each other one way."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import PurePath

import pytest

from tests.support.source import CODE, PACKAGE, Module, modules

MODULES_A_FOLDER = 16
TESTS_A_FOLDER = 16
# A room's parts (modules and folders in it), the imports between them, and how deep these go.
LIMITS = {
    "database": (10, 15, 5),
    "domain": (14, 16, 4),
    "ingestion": (9, 20, 4),
    "sandbox": (16, 55, 10),
    "research": (16, 40, 6),
    "cli": (12, 20, 4),
    "app": (12, 12, 4),
    "dashboard": (8, 12, 5),
    "eodhd": (12, 20, 4),
    "backup": (8, 17, 5),
}
# Rooms that name the same aggregates on purpose: one table, its model, its statements, its reader.
SAME_AGGREGATES = frozenset({"models", "store", "reader"})


def imported(module: Module) -> Iterator[str]:
    """The package's modules and names that a module imports, dotted, below `data_nexus`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("data_nexus."):
            name = (node.module or "").removeprefix("data_nexus.")
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("data_nexus."):
                    yield alias.name.removeprefix("data_nexus.")


def parts_of(room: str) -> dict[str, set[str]]:
    """The parts of a room, each with the parts of the same room that it imports."""
    found: dict[str, set[str]] = defaultdict(set)
    own = modules(f"{PACKAGE}/{room}")
    for module in own:
        path = PurePath(module.path).relative_to(f"{PACKAGE}/{room}")
        if path.name != "__init__.py" or len(path.parts) > 1:
            found[path.with_suffix("").parts[0]] |= set()
    for module in own:
        path = PurePath(module.path).relative_to(f"{PACKAGE}/{room}")
        part = path.with_suffix("").parts[0]
        if part in found:
            names = (n.split(".") for n in imported(module) if n.startswith(f"{room}."))
            found[part] |= {n[1] for n in names if n[1] in found} - {part}
    return dict(found)


def floors_of(parts: dict[str, set[str]]) -> int:
    """How many parts stand on one another; raises `CycleError` for a circle."""
    floor: dict[str, int] = {}
    for part in TopologicalSorter(parts).static_order():
        floor[part] = 1 + max((floor[below] for below in parts[part]), default=0)
    return max(floor.values())


@pytest.mark.parametrize("room", LIMITS)
def test_the_parts_of_a_room_are_few_and_lean_one_way(room: str) -> None:
    parts = parts_of(room)
    arrows = sum(len(below) for below in parts.values())
    figures = (len(parts), arrows, floors_of(parts))
    assert all(have <= most for have, most in zip(figures, LIMITS[room], strict=True)), figures


def test_no_folder_holds_more_modules_than_one_overlooks() -> None:
    folders = Counter(
        str(PurePath(module.path).parent)
        for module in modules(*CODE)
        if PurePath(module.path).name != "__init__.py" and "migrations" not in module.path
    )
    most = {
        folder: count
        for folder, count in folders.items()
        if count > (TESTS_A_FOLDER if folder.startswith("tests") else MODULES_A_FOLDER)
    }
    assert most == {}


def test_no_module_has_the_name_of_one_in_a_neighbouring_room() -> None:
    """Neighbours are the parts of one room; what stands directly in two rooms, too."""
    rooms: dict[str, list[str]] = defaultdict(list)
    for module in modules(PACKAGE):
        path = PurePath(module.path).relative_to(PACKAGE)
        if path.stem == "__init__" or "migrations" in path.parts or len(path.parts) < 2:
            continue
        folder = path.parts[1] if len(path.parts) > 2 else ""
        if folder not in SAME_AGGREGATES:
            rooms[path.parts[0]].append(path.stem)
    doubled = {
        room: twice
        for room, stems in rooms.items()
        if (twice := [stem for stem, count in Counter(stems).items() if count > 1])
    }
    assert doubled == {}


def test_no_public_class_has_the_name_of_another() -> None:
    """A model may bear the name of the value that it stores; the sandbox stands alone."""
    names: dict[str, list[str]] = defaultdict(list)
    for module in modules(PACKAGE):
        if not module.path.startswith((f"{PACKAGE}/sandbox", f"{PACKAGE}/database/models")):
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    names[node.name].append(module.path)
    assert {name: paths for name, paths in names.items() if len(paths) > 1} == {}
