"""Whatever codes a database holds, an export keeps them apart and inside its target."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.research.exports.export import export
from data_nexus.research.exports.formats import FORMATS
from data_nexus.research.exports.series import Whom
from data_nexus.research.views import View
from tests.support.database import Cluster
from tests.support.exports import Share, put
from tests.support.tables import execute

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
FOLDERS = sorted(FORMATS.keys() - {"nautilus"})


@pytest.fixture(scope="module")
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.fresh_database() as fresh:
        put(
            fresh,
            *(
                Share(code, {day: (*[10.0 + n] * 5, 100.0) for day in DAYS})
                for n, code in enumerate(HOSTILE)
            ),
        )
        execute(fresh, "UPDATE assets SET name = '=1+1', currency = '+USD'")
        yield fresh


@pytest.mark.parametrize("form", FOLDERS)
def test_hostile_codes_have_files_of_their_own_inside_the_target(
    form: str, url: str, tmp_path: Path
) -> None:
    out = tmp_path / "a" / "b"
    done = export(PostgresConnection(url), FORMATS[form], out, Whom(exchange="US"), View())
    assert (done.assets, done.bars, done.left_out) == (len(HOSTILE), 3 * len(HOSTILE), ())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parts[: len(out.parts)] for path in files} == {out.parts}
    assert all(path.is_relative_to(out) for path in files)
    names = [str(path).casefold() for path in files]
    assert len(names) == len(set(names)) > len(HOSTILE)
    assert all(len(path.name) < 100 for path in files)


def test_every_code_is_found_with_its_own_numbers(url: str, tmp_path: Path) -> None:
    export(PostgresConnection(url), FORMATS["parquet"], tmp_path, Whom(exchange="US"), View())
    listed = pq.ParquetFile(tmp_path / "assets.parquet").read().to_pylist()
    assert {row["ticker"] for row in listed} == {f"{code}.US" for code in HOSTILE}
    for row in listed:
        closes = pq.ParquetFile(tmp_path / row["file"]).read()["close"].to_pylist()
        assert closes == [10.0 + HOSTILE.index(row["ticker"].removesuffix(".US"))] * 3
