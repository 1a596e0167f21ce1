"""The pins: complete, hashed, and silent about where packages come from."""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePath

import pytest

from tests.support.source import files, read

RUNTIME, DEVELOPMENT = "requirements.txt", "requirements-dev.txt"
FLOORS, DOCS = "requirements-floors.txt", "requirements-docs.txt"
TOOLS = {PurePath(path).stem: path for path in files("tests/tools")}
# A name, a version, perhaps where it applies, and hashes: nothing else, so no host and no option.
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[\w.+!-]+)"
    r"(?P<marker> ; [\w .'<>=!*()]+)?"
    r"(?: --hash=sha256:[0-9a-f]{64})+"
)


def pins(path: str) -> set[tuple[str, str, str]]:
    """Every pin of a requirements file as name, version, marker."""
    lines = re.sub(r"\s*\\\n\s*", " ", read(path)).splitlines()
    matches = [PIN.fullmatch(line) for line in lines]
    assert matches
    assert [line for line, match in zip(lines, matches, strict=True) if not match] == []
    return {(m["name"], m["version"], m["marker"] or "") for m in matches if m}


@pytest.mark.parametrize("path", [RUNTIME, DEVELOPMENT, FLOORS, DOCS, *TOOLS.values()])
def test_every_requirement_is_a_pin_with_hashes_and_nothing_else(path: str) -> None:
    names = [(name, marker) for name, _, marker in pins(path)]
    assert len(names) == len(set(names)) > 0


def test_tests_run_with_what_users_run_with() -> None:
    assert pins(RUNTIME) - pins(DEVELOPMENT) == set()


def test_what_the_project_asks_for_is_pinned() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    runtime = {name for name, _, _ in pins(RUNTIME)}
    development = {name for name, _, _ in pins(DEVELOPMENT)}
    assert {
        bare(requirement) for requirement in project["project"]["dependencies"]
    } - runtime == set()
    assert {
        bare(requirement) for requirement in project["dependency-groups"]["dev"]
    } - development == set()


def test_floors_are_tested_as_they_are_set() -> None:
    """Versions differ by zeros at their end at most: 2.0 is 2.0.0."""
    pinned = {name: version for name, version, _ in pins(FLOORS)}
    floors = {
        bare(requirement): match[1]
        for requirement in tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
        if (match := re.search(r">=([\w.]+)", requirement))
    }
    assert len(floors) > 10
    assert {n: pinned[n] for n in floors if not is_version(pinned[n], floors[n])} == {}


def is_version(version: str, floor: str) -> bool:
    """Whether a version is the floor, or the first that was published from there on."""
    parts, least = version.split("."), floor.split(".")
    return parts[: len(least)] == least


def test_what_reads_exports_back_and_what_makes_the_site_is_pinned() -> None:
    groups = tomllib.loads(read("pyproject.toml"))["dependency-groups"]
    assert groups.keys() - {"dev", "docs"} == TOOLS.keys()
    for tool, path in (*TOOLS.items(), ("docs", DOCS)):
        assert {bare(requirement) for requirement in groups[tool]} - {
            name for name, _, _ in pins(path)
        } == set()
    (built,) = re.findall(r"^TOOLS +:= (.*)", read("Makefile"), flags=re.MULTILINE)
    assert built.split() == sorted(TOOLS)


def bare(requirement: str) -> str:
    """The name in `psycopg[binary]>=3.3`."""
    name = re.match(r"[A-Za-z0-9_-]+", requirement)
    assert name
    return name[0].lower().replace("_", "-")
