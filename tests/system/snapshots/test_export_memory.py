"""An export holds one asset at a time: its memory does not grow with their number."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import sandbox

MIB = 1 << 20
BARS = 5_000
FEW, MANY = 40, 140
# What MANY more assets would take as six columns of numbers, were they all kept.
KEPT = (MANY - FEW) * BARS * 6 * 8
BARS_OF_ALL = """
INSERT INTO market_data
SELECT a.id, '2000-01-03'::date + n, 10 + n %% 7, 20, 5, 10 + n %% 5, 10 + n %% 5, 1000 + n
FROM assets a CROSS JOIN generate_series(1, %s) AS n
"""


@pytest.fixture(scope="module")
def commands(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands on a database of many long histories."""
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=1, bars_per_symbol=1, clean=True) as vendor,
    ):
        add_assets(url, *(f"A{n}" for n in range(MANY)), last_bar="2013-09-10", currency="USD")
        with psycopg.connect(url) as connection:
            connection.execute(BARS_OF_ALL, [BARS])
        yield commands_at(tmp_path_factory.mktemp("desk"), vendor, url)


def peak(commands: Commands, count: int, *arguments: str) -> int:
    """The most memory that an export of so many assets held, in bytes."""
    symbols = ",".join(f"A{n}.US" for n in range(count))
    highest = 0
    with commands.running_process("export", *arguments, "--symbols", symbols) as export:
        status = Path(f"/proc/{export.child.pid}/status")
        while export.child.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            highest = max(highest, int(found[1]) * 1024 if found else 0)
            time.sleep(0.005)
        assert export.end().code == 0
    return highest


@pytest.mark.parametrize("form", ["parquet", "lean"])
def test_memory_does_not_grow_with_the_number_of_assets(form: str, commands: Commands) -> None:
    few = peak(commands, FEW, form, "--out", f"few.{form}")
    many = peak(commands, MANY, form, "--out", f"many.{form}")
    assert many - few < KEPT / 3
