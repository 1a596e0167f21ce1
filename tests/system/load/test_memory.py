"""What the vendor sends may be as large as it likes: the engine's memory stays bounded."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, rows
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes

MIB = 1 << 20
ALLOWED = 64 * MIB


@dataclass(frozen=True, slots=True)
class Place:
    """Commands, their vendor and database, and what a backfill of sound answers takes."""

    commands: Commands
    vendor: Sandbox
    url: str
    ordinary: int


@pytest.fixture(scope="module")
def place(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=10, bars_per_symbol=10, clean=True, minute_limit=1_000_000) as vendor,
    ):
        add_assets(url, *codes(vendor))
        commands = commands_at(tmp_path_factory.mktemp("memory"), vendor, url)
        code, ordinary = peak(commands)
        assert code == 0
        yield Place(commands, vendor, url, ordinary)


def peak(commands: Commands) -> tuple[int, int]:
    """A backfill's exit code, and the most memory that it held, in bytes.

    The figure of `wait4` would not do: it begins with what the parent held.
    """
    highest = 0
    with commands.running_process("backfill", "--days-old", "0") as backfill:
        status = Path(f"/proc/{backfill.child.pid}/status")
        while backfill.child.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            highest = max(highest, int(found[1]) * 1024 if found else 0)
            time.sleep(0.005)
        return backfill.end().code, highest


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "bomb", "mib": 200},
        {"kind": "truncate_close", "body": "[" + " " * 40 * MIB + "]", "bytes": 41 * MIB},
        {"kind": "truncate_length", "length": 1 << 40, "bytes": 1000},
        {"kind": "header_bomb", "count": 10_000, "size": 1000},
    ],
    ids=lambda fault: fault["kind"],
)
def test_an_answer_beyond_the_cap_costs_bounded_memory(place: Place, fault: dict[str, Any]) -> None:
    place.vendor.post("/faults", {**fault, "symbol": "AAPL.US"})
    code, hostile = peak(place.commands)
    place.vendor.delete("/faults")
    assert code == 3
    assert hostile - place.ordinary < ALLOWED
    failed = (
        "SELECT symbol FROM assets"
        " WHERE (times_failed > 0 OR parked_at IS NOT NULL) AND lease_owner IS NULL"
    )
    assert rows(place.url, failed) == [("AAPL",)]
    assert place.commands.run("dead-letters", "retry", "--all").code == 0
