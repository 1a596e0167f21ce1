"""A snapshot answers as the database does whose moment it is, and needs none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

import data_nexus as nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.errors import AdjustmentRefused, StorageUnavailable, UsageError
from data_nexus.research.coverage import read_coverage
from data_nexus.research.snapshots import reading
from data_nexus.research.snapshots.schemas import Compression
from tests.support.files.lakes import export
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, value

Ask = Callable[[Any], pa.Table]
SYMBOLS = ["AAPL.US", "MSFT.US", "VTI.US"]


@pytest.fixture(scope="module")
def both(
    cluster: Cluster, all_read: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[nexus.Nexus, nexus.Lake]]:
    """A database with bars, actions and listings, and its snapshot."""
    target = tmp_path_factory.mktemp("snapshot") / "lake"
    with cluster.fresh_database(filled=all_read) as url:
        # Histories from before the first discovery, one of them of a dead asset, and a new code.
        old = add_assets(url, "OLD", "DEAD", exchange="US", asset_type="Common Stock")
        execute(
            url,
            "INSERT INTO market_data SELECT id, date '1987-03-02' + n, 1, 2, 1, 2, 2, n"
            " FROM assets, generate_series(0, 9000, 7) AS n WHERE symbol IN ('OLD', 'DEAD')",
            "UPDATE assets SET is_delisted = true, retired_at = now() WHERE symbol = 'DEAD'",
            "UPDATE assets SET symbol = 'NEW' WHERE symbol = 'OLD'",
            "UPDATE listings SET symbol = 'WAS' WHERE asset_id = 3",
            "INSERT INTO dividends (asset_id, date, value, currency)"
            " SELECT id, '2026-03-02', 0.5, 'JPY' FROM assets WHERE symbol = 'VTI'",
        )
        assert len(old) == 2
        with nexus.connect(url) as database:
            export(url, target)
            yield database, nexus.lake(str(target))


QUESTIONS: dict[str, Ask] = {
    "one symbol": lambda x: x.bars("AAPL.US"),
    "several, by ticker": lambda x: x.bars(["VTI.US", "AAPL.US", "AAPL.US"]),
    "a window": lambda x: x.bars(SYMBOLS, "2024-12-30", "2025-05-14"),
    "a window of dates": lambda x: x.bars(SYMBOLS, date(2024, 12, 31), date(2026, 11, 1)),
    "one day": lambda x: x.bars(SYMBOLS, "2025-05-14", "2025-05-14"),
    "a day without bars": lambda x: x.bars(SYMBOLS, "2025-05-11", "2025-05-11"),
    "a window before all bars": lambda x: x.bars(SYMBOLS, end="1950-01-01"),
    "columns": lambda x: x.bars(SYMBOLS, columns=["close", "asset_id"]),
    "what volumes are counted in": lambda x: x.bars(
        ["AAPL.US", "NEW.US"], "2025-01-01", adjust="vendor", columns=["volume", "volume_basis"]
    ),
    "no column but the names": lambda x: x.bars("NEW.US", columns=["ticker", "date"]),
    "splits": lambda x: x.bars(SYMBOLS[:2], "2025-04-01", "2025-06-01", adjust="splits"),
    "total": lambda x: x.bars("AAPL.US", "2025-04-01", "2025-06-01", adjust="total"),
    "total, forward": lambda x: x.bars("AAPL.US", adjust="total", direction="forward"),
    "vendor": lambda x: x.bars(SYMBOLS, "2025-04-01", adjust="vendor"),
    "vendor, forward": lambda x: x.bars(
        SYMBOLS, "2025-04-01", adjust="vendor", direction="forward"
    ),
    "wide": lambda x: x.bars(SYMBOLS, "2026-01-01", columns=["close"], layout="wide"),
    "a universe": lambda x: x.bars(x.universe("US", "2026-11-06"), "2026-10-01"),
    "a universe by name": lambda x: x.bars("US@1999-04-07", "1999-01-01", "1999-12-31"),
    "a whole exchange": lambda x: x.bars(x.universe("US")),
    "returns": lambda x: x.returns("AAPL.US", "2025-05-12", "2025-05-20"),
    "returns of a year": lambda x: x.returns("AAPL.US", "2025-01-01", "2025-12-31", kind="log"),
    "returns by the vendor": lambda x: x.returns(SYMBOLS, "2026-01-01", adjust="vendor"),
    "actions": lambda x: x.actions(SYMBOLS),
    "actions in a window": lambda x: x.actions(SYMBOLS, "2025-01-01", "2026-05-13"),
    "no actions": lambda x: x.actions("NEW.US"),
    "who is listed": lambda x: x.universe("US"),
    "who is listed in London": lambda x: x.universe("LSE"),
    "who was before anybody looked": lambda x: x.universe("US", "1999-04-07"),
    "who was of a type": lambda x: x.universe("US", "1999-04-07", type="Common Stock"),
    "calendar": lambda x: x.calendar("US", "2026-01-01", "2026-06-30"),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_a_snapshot_answers_as_the_database(both: tuple[nexus.Nexus, nexus.Lake], ask: Ask) -> None:
    database, lake = both
    expected, found = ask(database), ask(lake)
    assert found.schema == expected.schema
    assert found.to_pylist() == expected.to_pylist()


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_compressed_snapshot_answers_as_a_plain_one(
    both: tuple[nexus.Nexus, nexus.Lake], tmp_path: Path, compression: Compression
) -> None:
    database, lake = both
    export(database.url, tmp_path / "lake", compression)
    packed = nexus.lake(str(tmp_path / "lake"))
    assert sum(size(packed)) < sum(size(lake))
    for _ in range(2):
        for name in ("several, by ticker", "a window", "columns", "total", "a whole exchange"):
            assert QUESTIONS[name](packed).equals(QUESTIONS[name](lake))


@pytest.mark.parametrize("rows_a_run", [0, 1 << 40], ids=["joined alone", "gathered out of all"])
@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_few_of_many_and_most_of_few_are_the_same_bars(
    both: tuple[nexus.Nexus, nexus.Lake],
    ask: Ask,
    rows_a_run: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """How rows come together is a matter of time alone, so both ways answer each question."""
    expected = ask(both[1])
    monkeypatch.setattr(reading, "_ROWS_A_RUN", rows_a_run)
    assert ask(both[1]).equals(expected)


def size(lake: nexus.Lake) -> list[int]:
    return [Path(path).stat().st_size for path in lake.files()]


def test_the_questions_are_not_all_answered_by_nothing(
    both: tuple[nexus.Nexus, nexus.Lake],
) -> None:
    lengths = {name: len(ask(both[1])) for name, ask in QUESTIONS.items()}
    empty = {"a day without bars", "a window before all bars", "no actions"}
    assert {name for name, length in lengths.items() if not length} == empty
    assert lengths["a universe by name"] >= 50


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda x: x.bars("APPL.US"), UsageError, "did you mean AAPL.US"),
        (lambda x: x.bars("DEAD.US"), UsageError, "DEAD.US is not in the snapshot"),
        (lambda x: x.bars("../x"), UsageError, "not a symbol"),
        (lambda x: x.bars("AAPL.US", columns=["price"]), UsageError, "'price' is unknown"),
        (lambda x: x.bars("AAPL.US", adjust="some"), UsageError, "'some' is unknown"),
        (lambda x: x.bars("US@yesterday"), UsageError, "write it like US@2019-06-28"),
        (lambda x: x.bars(pa.table({"symbol": ["AAPL.US"]})), UsageError, "asset_id and symbol"),
        (lambda x: x.universe("XX"), UsageError, "no asset of XX"),
        (lambda x: x.universe("US", type="Bond"), UsageError, "Bond"),
        (lambda x: x.files("prices"), UsageError, "'prices'; choose from bars, assets"),
        (lambda x: x.bars("VTI.US", adjust="total"), AdjustmentRefused, "use adjust="),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_the_remedy(
    both: tuple[nexus.Nexus, nexus.Lake], ask: Ask, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ask(both[1])


def test_the_listed_files_are_the_whole_table_for_other_engines(
    both: tuple[nexus.Nexus, nexus.Lake],
) -> None:
    database, lake = both
    bars = pa.concat_tables(parquet.read_table(path) for path in lake.files())
    assert len(bars) == value(database.url, "SELECT count(*) FROM market_data")
    (path,) = lake.files("assets")
    assert parquet.read_table(path) == lake.assets()
    assert pc.sum(lake.assets()["is_delisted"]).as_py() > 0


def test_coverage_is_that_of_the_database_at_the_snapshot_s_moment(
    both: tuple[nexus.Nexus, nexus.Lake],
) -> None:
    database, lake = both
    symbols = [*SYMBOLS, "NEW.US"]
    expected = read_coverage(PostgresConnection(database.url), symbols, lake.moment)
    found = lake.coverage(symbols)
    assert found.schema == expected.schema
    assert found.to_pylist() == expected.to_pylist()
    assert pc.min(found["stored"]).as_py() > 100
    assert len(lake.coverage([])) == 0


IN_SQL = """
SELECT a.ticker, b.date, b.close, now() AS at
FROM bars b JOIN assets a USING (asset_id)
WHERE b.date >= $first AND a.ticker = $ticker
ORDER BY b.date
"""


def test_a_question_in_sql_is_answered_by_the_snapshot(
    both: tuple[nexus.Nexus, nexus.Lake],
) -> None:
    _, lake = both
    bars = lake.bars("AAPL.US", "2025-01-02", columns=["close"])
    answer = lake.sql(IN_SQL, {"first": "2025-01-02", "ticker": "AAPL.US"})
    assert answer.drop_columns("at").to_pylist() == bars.to_pylist()
    assert answer.schema.field("at").type == pa.timestamp("us", "UTC")
    (counted,) = lake.sql("SELECT count(*) AS n FROM dividends WHERE value > ?", [0]).to_pylist()
    assert counted["n"] == pc.sum(pc.greater(lake.sql("FROM dividends")["value"], 0)).as_py() > 1


hidden = pa.table({"number": [1]})  # what stands in Python is not the snapshot's either


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", "Parser Error"),
        ("SELECT * FROM market_data", "market_data does not exist"),
        ("SELECT * FROM read_csv('/etc/passwd')", "file system operations are disabled"),
        ("COPY bars TO 'bars.csv'", "file system operations are disabled"),
        ("SET enable_external_access = true", "locked"),
        ("SELECT * FROM hidden", "hidden does not exist"),
        ("", "no table"),
    ],
)
def test_sql_reads_the_snapshot_and_nothing_else(
    both: tuple[nexus.Nexus, nexus.Lake], query: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        both[1].sql(query)


def test_sql_over_a_snapshot_of_which_a_file_is_gone_says_so(
    both: tuple[nexus.Nexus, nexus.Lake], tmp_path: Path
) -> None:
    export(both[0].url, tmp_path / "lake")
    lake = nexus.lake(str(tmp_path / "lake"))
    Path(lake.files()[-1]).unlink()
    with pytest.raises(StorageUnavailable, match="a file is gone; open the snapshot again"):
        lake.sql("SELECT count(*) FROM bars")


def test_without_the_extra_sql_is_refused_with_the_remedy(
    both: tuple[nexus.Nexus, nexus.Lake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"pip install 'data-nexus\[duckdb\]'"):
        both[1].sql("SELECT 1")


def test_a_folder_without_a_snapshot_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run: nexus export lake --to"):
        nexus.lake(str(tmp_path / "nowhere"))
    assert list(tmp_path.iterdir()) == []
