"""The report: sections of Markdown, put into docs/benchmarks.md one by one.

A run replaces the sections that it measured and leaves the others as they are; each says which
command made it, when, and on what machine.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

INTRODUCTION = """\
# Benchmarks

What the engine does in a given time and memory, measured beside what the machine could do at
best and what the specification's way does, in the same run. Take the ratios: the figures are
those of one machine, on which the simulated vendor, PostgreSQL and the measured program share
the processors. `make bench` measures anew and writes this page, section by section.
"""
_ORDER = (
    "Throughput",
    "Reading again",
    "Memory",
    "Dispatch",
    "Planning",
    "Night in bulk",
    "Snapshot",
    "Discovery",
    "Fleet",
    "Reading",
    "Real files",
)
_PACKAGES = ("aiohttp", "msgspec", "numpy", "psycopg", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Section:
    """One scenario's results: a title of the page's fixed order, and Markdown."""

    title: str
    text: str


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table, aligned so that a terminal shows it well too."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    ruled = [padded[0], ["-" * width for width in widths], *padded[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in ruled)


def origin(command: str, server: str) -> str:
    """Return the line that says how, when and where a section was made."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"Made by `{command}` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {os.cpu_count()}"
        f" processors ({_cpu_model()}), {memory:.0f} GiB, {platform.system()}"
        f" {platform.release()}, load {os.getloadavg()[0]:.1f} before; PostgreSQL {server},"
        f" Python {platform.python_version()}, {packages}.\n"
    )


def publish(page: Path, section: Section, made: str) -> None:
    """Write a section into the page, under the line `made`."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    kept = dict(zip(parts[1::2], parts[2::2], strict=True))
    kept[section.title] = f"{made}\n{section.text}"
    chapters = [f"## {title}\n\n{kept[title].strip()}\n" for title in _ORDER if title in kept]
    page.write_text("\n".join([INTRODUCTION, *chapters]), encoding="utf-8")


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
