"""The measured programs: each is started apart, ends, and has answered with JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_nexus.app.vendor import SandboxVendor

MEASURED = Path(__file__).parent / "measured"
NEXUS = ("-m", "data_nexus")
BACKFILL = (*NEXUS, "backfill", "--no-limit", "--json")
_OURS = ("DATABASE_URL", "EODHD_", "NEXUS_")


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended: its answer, seconds on the clock and of CPU, peak RSS in bytes."""

    answer: dict[str, Any]
    wall_sec: float
    cpu_sec: float
    peak_rss: int


def run_python(
    arguments: Sequence[str | Path], environment: Mapping[str, str], folder: Path
) -> Finished:
    """Run a Python program in `folder`, its home too, with default settings but `environment`.

    Raises `RuntimeError` if it fails; its messages stand on stderr.
    """
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, MEASURED / "launch.py", sys.executable, *arguments],
        stdout=subprocess.PIPE,
        env={**inherited(), "NEXUS_HOME": str(folder), **environment},
        cwd=folder,
        check=True,
    )
    measured = json.loads(done.stdout)
    if code := measured["exit_code"]:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: exit code {code}")
    return Finished(
        json.loads(measured["output"]),
        measured["wall_sec"],
        measured["cpu_sec"],
        measured["peak_rss"],
    )


def inherited() -> dict[str, str]:
    """Return the variables of this process but for those that are settings of ours."""
    return {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}


def environment_of(vendor: SandboxVendor, database: str) -> dict[str, str]:
    """Return the variables that point a program at a vendor and a database."""
    return {
        "DATABASE_URL": database,
        "EODHD_API_KEY": vendor.settings.require_token().reveal(),
        "EODHD_BASE_URL": vendor.settings.eodhd_base_url,
    }


def discover(folder: Path, vendor: SandboxVendor, database: str, exchange: str = "US") -> Finished:
    """Run `nexus discover` for an exchange."""
    arguments = (*NEXUS, "discover", "--exchange", exchange, "--json")
    return run_python(arguments, environment_of(vendor, database), folder)


def backfill(folder: Path, vendor: SandboxVendor, database: str) -> Finished:
    """Run `nexus backfill` for all due assets, with its default concurrency and batches."""
    return run_python(BACKFILL, environment_of(vendor, database), folder)
