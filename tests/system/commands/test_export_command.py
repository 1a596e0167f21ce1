"""`nexus export` as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from data_nexus.cli.export.command import EXPORTS
from data_nexus.research.exports.formats import FORMATS
from tests.support.files.exports import Bar, Share, put
from tests.support.postgres.database import Cluster
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox

DAY = date(2024, 1, 2)
CODES = ("AAPL", "MSFT")
DAYS = [DAY + timedelta(n) for n in (0, 1, 2)]


def bars(price: float) -> dict[date, Bar]:
    """Three bars of one price."""
    return dict.fromkeys(DAYS, (price, price, price, price, price, 100.0))


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=1, bars_per_symbol=1, clean=True) as running:
        yield running


@pytest.fixture(scope="module")
def commands(
    vendor: Sandbox, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Commands]:
    """Commands on a database of two shares."""
    with cluster.fresh_database() as url:
        put(url, *(Share(code, bars(10.0)) for code in CODES))
        yield commands_at(tmp_path_factory.mktemp("desk"), vendor, url)


def files(folder: Path) -> set[Path]:
    """All files below a folder."""
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ((), "--symbols AAPL.US,MSFT.US, or --watchlist NAME"),
        (("--symbols", "AAPLE.US"), "did you mean AAPL.US"),
    ],
)
def test_a_wrong_choice_is_a_usage_error_with_its_remedy(
    arguments: tuple[str, ...], remedy: str, commands: Commands
) -> None:
    out = commands.folder / "never"
    done = commands.run("export", "csv", "--out", str(out), *arguments)
    assert done.code == 2
    assert remedy in done.stderr
    assert not out.exists()


def test_a_place_of_other_files_is_refused_until_it_is_forced(commands: Commands) -> None:
    out = commands.folder / "mine"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    asked = ("export", "csv", "--symbols", "AAPL.US", "--out", str(out))
    refused = commands.run(*asked)
    assert (refused.code, "--force" in refused.stderr) == (2, True)
    assert files(out) == {Path("notes.txt")}
    assert commands.run(*asked, "--force").code == 0
    assert Path("notes.txt") in files(out)


def test_the_day_of_a_universe_and_the_dates_are_kept(commands: Commands) -> None:
    out = commands.folder / "one.csv"
    asked = ("export", "csv", "--exchange", "US", "--on", "2024-01-03", "--from", "2024-01-03")
    assert commands.run(*asked, "--to", "2024-01-03", "--out", str(out)).code == 0
    _, *lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(CODES)
    assert {line.split(",")[1] for line in lines} == {"2024-01-03"}


def test_what_is_left_out_is_told_and_ends_in_exit_code_3(
    cluster: Cluster, vendor: Sandbox, tmp_path: Path
) -> None:
    with cluster.fresh_database() as url:
        put(url, Share("AAPL", bars(10.0), dividends=((DAYS[1], 1.0, "EUR"),)))
        done = commands_at(tmp_path, vendor, url).run(
            "export", "lean", "--symbols", "AAPL.US", "--out", "lean", "--json"
        )
    assert done.code == 3
    (left_out,) = json.loads(done.stdout)["left_out"]
    assert (left_out["symbol"], "2024-01-03" in left_out["reason"]) == ("AAPL.US", True)


def test_every_format_has_its_command() -> None:
    assert FORMATS.keys() <= EXPORTS.keys()
