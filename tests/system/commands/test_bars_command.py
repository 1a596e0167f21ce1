"""`nexus bars` shows the views that Python reads."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.postgres.tables import add_assets, execute
from tests.support.programs.commands import Commands

FROM = ("--from", "2024-01-02", "--to", "2024-01-03")


@pytest.fixture
def commands(database_url: str, tmp_path: Path) -> Commands:
    """A database with three bars of A and of B; A was split four for one before the last."""
    add_assets(database_url, "A", "B", currency="USD")
    execute(
        database_url,
        "INSERT INTO market_data SELECT id, '2024-01-02'::date + n, c, c, c, c, c / 2.0, 1000"
        " FROM assets CROSS JOIN (VALUES (0, 100), (1, 110), (2, 25)) AS v (n, c)",
        "INSERT INTO splits SELECT id, '2024-01-04', 4, 1 FROM assets WHERE symbol = 'A'",
        "INSERT INTO dividends SELECT id, '2024-01-04', 1, 1, 'CAD' FROM assets WHERE symbol = 'B'",
    )
    ways = {way: os.environ[way] for way in ("PATH", "PYTHONPATH") if way in os.environ}
    return Commands(tmp_path, ways | {"DATABASE_URL": database_url, "NEXUS_HOME": str(tmp_path)})


def closes(answer: str) -> list[tuple[str, float]]:
    return [(row["ticker"], float(row["close"])) for row in csv.DictReader(io.StringIO(answer))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), [100, 110]),
        (("--adjust", "splits"), [25, 27.5]),
        (("--adjust", "total", "--direction", "forward"), [100, 110]),
        (("--adjust", "vendor"), [50, 55]),
        (("--as-of", "2001-01-01"), [100, 110]),
    ],
)
def test_bars_are_shown_in_the_view_that_is_asked_for(
    commands: Commands, options: tuple[str, ...], expected: list[float]
) -> None:
    """What no log tells the arrival of counts as known since ever."""
    done = commands.run("bars", "A.US", *FROM, *options, "--format", "csv")
    assert (done.code, done.stderr) == (0, "")
    assert closes(done.stdout) == [("A.US", close) for close in expected]


def test_bars_are_written_as_parquet(commands: Commands) -> None:
    file = commands.folder / "bars.parquet"
    program = (
        f"import sys; sys.stdout = open({str(file)!r}, 'w')\n"
        "from data_nexus.cli.main import main; main()"
    )
    asked = ("bars", "A.US", "--adjust", "splits", "--format", "parquet")
    done = commands.run_program("-c", program, *asked)
    assert done.code == 0, done.stderr
    assert pq.read_table(file)["close"].to_pylist() == [25, 27.5, 25]


def test_a_refused_view_is_a_mistake_with_its_remedy(commands: Commands) -> None:
    done = commands.run("bars", "A.US", "B.US", "--adjust", "total", "--json")
    assert done.code == 2
    assert "B.US, 2024-01-04: a dividend in CAD for bars in USD" in done.stderr + done.stdout
    assert "use adjust='vendor' or adjust='splits'" in done.stderr + done.stdout


def test_a_universe_stands_in_for_symbols(commands: Commands) -> None:
    done = commands.run("bars", "US@2024-01-03", "--from", "2024-01-04", "--json")
    assert [bar["ticker"] for bar in done.answer["bars"]] == ["A.US", "B.US"]
