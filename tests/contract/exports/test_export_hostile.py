"""Whatever codes a database holds, an export keeps them apart and inside its target."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.research.exports.export import export
from data_nexus.research.exports.formats import FORMATS
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import ExportScope
from data_nexus.research.views import View
from tests.support.files.exports import Bar, Share, catalog_written, put, read_back
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute

DAYS = [date(2024, 1, 2) + timedelta(n) for n in range(3)]
# Codes that the database takes, whether or not one of them could be asked for as a symbol.
HOSTILE = (
    *("CON", "nul", "LPT1", "=cmd()", "+1", "-1", "@x", "aapl", "AAPL", "aApL", "A'b", "\u00c4"),
    *(
        "A..B",
        "../x",
        "..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:x",
        "a\nb",
        "a\tb",
        "A" * 300,
        " ",
        "",
    ),
)


def bars(price: float) -> dict[date, Bar]:
    """Three bars of one price, by which a share is known again."""
    return dict.fromkeys(DAYS, (price, price, price, price, price, 100.0))


@pytest.fixture(scope="module")
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.fresh_database() as fresh:
        put(fresh, *(Share(code, bars(10.0 + n)) for n, code in enumerate(HOSTILE)))
        execute(fresh, "UPDATE assets SET name = '=1+1', currency = '+USD'")
        yield fresh


def exported(form: str, url: str, out: Path) -> tuple[int, int, int]:
    """How many assets and bars an export of all of them wrote, and how many assets not."""
    if form == "nautilus":
        told = catalog_written(url, out, "--exchange", "US")
        return told["assets"], told["bars"], len(told["left_out"])
    done = export(PostgresConnection(url), FORMATS[form], out, ExportScope(exchange="US"), View())
    return done.assets, done.bars, len(done.left_out)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_hostile_codes_have_files_of_their_own_inside_the_target(
    form: str, url: str, tmp_path: Path
) -> None:
    out = tmp_path / "a" / "b"
    assert exported(form, url, out) == (len(HOSTILE), 3 * len(HOSTILE), 0)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parts[: len(out.parts)] for path in files} == {out.parts}
    assert all(path.is_relative_to(out) for path in files)
    names = [str(path).casefold() for path in files]
    assert len(names) == len(set(names)) > len(HOSTILE)
    assert all(len(path.name) < 100 for path in files)


def test_no_two_codes_are_one_to_zipline_which_is_blind_to_case(url: str, tmp_path: Path) -> None:
    export(
        PostgresConnection(url), FORMATS["zipline"], tmp_path, ExportScope(exchange="US"), View()
    )
    with (tmp_path / "assets.csv").open(newline="", encoding="utf-8") as text:
        symbols = [row["symbol"].removeprefix("'") for row in csv.DictReader(text, strict=True)]
    assert len({symbol.upper() for symbol in symbols}) == len(HOSTILE)
    assert {"AAPL", "../x", "=cmd()"} <= set(symbols)


def test_qlib_takes_hostile_codes_for_what_they_are(url: str, tmp_path: Path) -> None:
    exported("qlib", url, tmp_path)
    names = [file_name(f"{code}.US").upper() for code in HOSTILE]
    found = read_back("qlib", "qlib", tmp_path, *names)
    assert found["named"] == sorted(names)
    assert [found["rows"][name][0][1] for name in names] == [10.0 + n for n in range(len(HOSTILE))]


def test_zipline_takes_hostile_codes_for_what_they_are(url: str, tmp_path: Path) -> None:
    exported("zipline", url, tmp_path / "bundle")
    codes = ("AAPL", "../x", "=cmd()", "-1", "A'b")
    assets = read_back("zipline", "zipline", tmp_path / "bundle", *codes)["assets"]
    assert {code: assets[code]["rows"][0][1] for code in codes} == {
        code: 10.0 + HOSTILE.index(code) for code in codes
    }


def test_every_code_is_found_with_its_own_numbers(url: str, tmp_path: Path) -> None:
    export(
        PostgresConnection(url), FORMATS["parquet"], tmp_path, ExportScope(exchange="US"), View()
    )
    listed = pq.ParquetFile(tmp_path / "assets.parquet").read().to_pylist()
    assert {row["ticker"] for row in listed} == {f"{code}.US" for code in HOSTILE}
    for row in listed:
        closes = pq.ParquetFile(tmp_path / row["file"]).read()["close"].to_pylist()
        assert closes == [10.0 + HOSTILE.index(row["ticker"].removesuffix(".US"))] * 3
