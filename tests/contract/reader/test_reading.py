"""What `nexus.connect()` reads: typed tables, sorted, of symbols or of a universe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

import data_nexus as nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.store.actions import VendorActions
from data_nexus.domain.actions import Dividend, Split
from data_nexus.errors import AdjustmentRefused, UsageError
from data_nexus.research.columns import ACTIONS_SCHEMA, BARS_SCHEMA
from tests.support.postgres.tables import add_assets, execute, rows
from tests.support.postgres.workers import Worker, bars_from, batch_for
from tests.support.vendor.listings import day, listings, store

FIRST = date(2024, 1, 2)
PAID = Dividend(date=date(2024, 1, 4), value=0.5, unadjusted_value=1.0, currency="USD")


@pytest.fixture
def db(database_url: str) -> Iterator[nexus.Nexus]:
    with nexus.connect(database_url) as opened:
        yield opened


def load(worker: Worker, **histories: list[float]) -> None:
    """Bars of consecutive days for the assets of these codes."""
    leases = {lease.symbol.code: lease for lease in worker.claim(days_old=-1)}
    worker.commit(
        *(batch_for(leases[code], bars_from(FIRST, *closes)) for code, closes in histories.items())
    )


def act(worker: Worker, url: str, code: str, *actions: Split | Dividend) -> None:
    """Let the vendor tell these actions of an asset, and no others."""
    execute(url, "UPDATE assets SET actions_wanted_at = now()")
    told = VendorActions(
        splits=tuple(each for each in actions if isinstance(each, Split)),
        dividends=tuple(each for each in actions if isinstance(each, Dividend)),
    )
    for lease in worker.claim_wanted():
        if lease.symbol.code == code:
            worker.settle_actions(lease, told)
    worker.release([])
    execute(url, "UPDATE assets SET lease_owner = NULL, lease_until = NULL")


@pytest.fixture
def two(worker: Worker, database_url: str) -> list[int]:
    """B with three bars, and A with four, a split before the last and a dividend before that."""
    ids = add_assets(database_url, "B", "A", currency="USD", venue="NYSE")
    load(worker, B=[5, 6, 7], A=[100, 110, 99, 25])
    act(worker, database_url, "A", PAID, Split(date(2024, 1, 5), 4, 1))
    return ids


def test_bars_are_typed_and_sorted_by_ticker_and_date(db: nexus.Nexus, two: list[int]) -> None:
    table = db.bars(["B.US", "A.US", "B.US"])
    assert table.schema == BARS_SCHEMA
    assert table["ticker"].to_pylist() == ["A.US"] * 4 + ["B.US"] * 3
    days = [FIRST + timedelta(n) for n in range(4)]
    assert table["date"].to_pylist() == days + days[:3]
    assert table["close"].to_pylist() == [100, 110, 99, 25, 5, 6, 7]
    chosen = db.bars("A.US", columns=["volume", "asset_id"])
    assert chosen.column_names == ["ticker", "date", "volume", "asset_id"]
    assert set(chosen["asset_id"].to_pylist()) == {two[1]}


@pytest.mark.usefixtures("two")
def test_each_view_counts_from_the_last_stored_bar_also_beyond_the_window(
    db: nexus.Nexus,
) -> None:
    asked = {"start": "2024-01-02", "end": "2024-01-03", "columns": ["close"]}
    shown = {
        adjust: db.bars("A.US", adjust=adjust, **asked)["close"].to_pylist()  # type: ignore[arg-type]
        for adjust in ("raw", "splits", "total", "vendor")
    }
    assert shown["raw"] == [100, 110]
    assert shown["splits"] == [25, 27.5]
    assert shown["total"] == pytest.approx([25 * (1 - 1 / 110), 27.5 * (1 - 1 / 110)], rel=1e-14)
    assert shown["vendor"] == [50, 55]
    forward = db.bars("A.US", "2024-01-04", adjust="total", direction="forward")
    factor = 1 / (1 - 1 / 110)
    assert forward["close"].to_pylist() == pytest.approx([99 * factor, 100 * factor], rel=1e-14)
    vendor = db.bars("A.US", "2024-01-05", adjust="vendor", direction="forward")
    assert vendor["close"].to_pylist() == [25]


def test_more_assets_than_one_query_takes_come_in_one_table(
    database_url: str, db: nexus.Nexus
) -> None:
    codes = [f"S{number:04}" for number in range(1003)]
    ids = add_assets(database_url, *codes)
    with_bars = dict(zip(codes, ids, strict=True))
    del with_bars["S0500"]
    execute(
        database_url,
        "INSERT INTO market_data SELECT id, '2024-01-02'::date + n, id, id, id, id, id, n"
        " FROM assets CROSS JOIN generate_series(0, 2) n WHERE symbol <> 'S0500'",
    )
    table = db.bars([f"{code}.US" for code in reversed(codes)])
    assert table["ticker"].to_pylist() == [f"{code}.US" for code in with_bars for _ in range(3)]
    assert table["close"].to_pylist() == [number for number in with_bars.values() for _ in range(3)]
    assert table["volume"].to_pylist() == [0, 1, 2] * 1002
    then = db.bars([f"{code}.US" for code in codes], as_of=datetime.now(UTC))
    assert then.equals(table)
    assert (len(db.bars([])), len(db.bars([], as_of=datetime.now(UTC)))) == (0, 0)


@pytest.mark.usefixtures("two")
def test_a_wide_table_is_one_column_a_ticker(db: nexus.Nexus) -> None:
    table = db.bars(["A.US", "B.US"], columns=["close"], layout="wide")
    assert table.column_names == ["date", "A.US", "B.US"]
    assert table["B.US"].to_pylist() == [5, 6, 7, None]


@pytest.mark.usefixtures("two")
@pytest.mark.filterwarnings("ignore::data_nexus.errors.ActionsNotRead")
def test_the_first_return_of_a_window_counts_from_the_bar_before_it(db: nexus.Nexus) -> None:
    table = db.returns(["A.US", "B.US"], "2024-01-03")
    owner = [0.1, 99 / (110 - 1) - 1, 100 / 99 - 1]
    assert table["return"].to_pylist() == pytest.approx([*owner, 6 / 5 - 1, 7 / 6 - 1])
    assert db.returns("A.US")["return"].to_pylist()[0] is None
    wide = db.returns(["A.US", "B.US"], "2024-01-03", layout="wide")
    assert wide.column_names == ["date", "A.US", "B.US"]
    moment = datetime.now(UTC)
    assert db.returns(["A.US", "B.US"], "2024-01-03", as_of=moment).equals(table)


@pytest.mark.usefixtures("two")
def test_actions_are_one_table_of_splits_and_dividends(db: nexus.Nexus) -> None:
    table = db.actions(["A.US", "B.US"])
    assert table.schema == ACTIONS_SCHEMA
    told = table.select(["ticker", "date", "kind", "numerator", "unadjusted_value"]).to_pylist()
    assert [tuple(row.values()) for row in told] == [
        ("A.US", PAID.date, "dividend", None, 1.0),
        ("A.US", date(2024, 1, 5), "split", 4.0, None),
    ]
    assert set(table["asset_currency"].to_pylist()) == {"USD"}
    assert len(db.actions("A.US", start="2024-01-05")) == 1
    assert len(db.actions("A.US", end="2024-01-04")) == 1
    assert len(db.actions("B.US")) == 0


@pytest.mark.filterwarnings("ignore::data_nexus.errors.ActionsNotRead")
def test_a_dividend_in_another_currency_is_refused_by_name_and_the_splits_are_not(
    worker: Worker, database_url: str, db: nexus.Nexus, two: list[int]
) -> None:
    assert two
    execute(database_url, "UPDATE assets SET currency = 'EUR'")
    with pytest.raises(AdjustmentRefused, match=r"A\.US, 2024-01-04: a dividend in USD .* EUR"):
        db.bars(["A.US", "B.US"], adjust="total")
    assert len(db.bars(["A.US", "B.US"], adjust="splits")) == 7
    act(worker, database_url, "A")
    assert len(db.bars(["A.US", "B.US"], adjust="total")) == 7


def test_a_dividend_of_a_day_is_told_once_however_few_days_an_answer_reaches(
    worker: Worker, database_url: str, db: nexus.Nexus, two: list[int]
) -> None:
    """An answer of one year tells it in the shares after a split: it replaces the old words."""
    assert two
    execute(database_url, "UPDATE assets SET actions_wanted_at = now()")
    told = VendorActions(dividends=(replace(PAID, value=0.125),), are_all=False)
    for lease in worker.claim_wanted():
        if lease.symbol.code == "A":
            worker.settle_actions(lease, told)
    dividends = db.actions("A.US", end=PAID.date)
    assert dividends["value"].to_pylist() == [0.125]
    assert len(db.actions("A.US")) == 2, "the split is told by another answer"


@pytest.mark.usefixtures("two")
def test_an_unknown_symbol_is_an_error_with_near_names(db: nexus.Nexus) -> None:
    for ask in (db.bars, db.returns, db.actions, db.coverage):
        with pytest.raises(UsageError, match=r"AA\.US is not in the database; did you mean A\.US"):
            ask("AA.US")


def test_a_universe_is_read_by_its_assets_under_the_names_of_its_day(
    worker: Worker, database_url: str, db: nexus.Nexus
) -> None:
    """The dead are in it, and who got another symbol since."""
    store(database_url, 0, listings("A", "B"))
    load(worker, A=[1, 2], B=[3, 4])
    execute(database_url, "UPDATE assets SET symbol = 'NEW' WHERE symbol = 'A'")
    universe = db.universe("US", on=day(0))
    table = db.bars(universe)
    assert table["ticker"].to_pylist() == ["A.US", "A.US", "B.US", "B.US"]
    assert db.bars(f"US@{day(0)}").equals(table)
    assert len(db.bars("US@")) == 4
    with pytest.raises(UsageError, match="not a universe: the table needs the columns"):
        db.bars(pa.table({"symbol": ["A.US"]}))
    with pytest.raises(UsageError, match="no asset of XX; run: nexus discover"):
        db.bars("XX@2024-01-01")
    with pytest.raises(UsageError, match=r"not a date: 'soon'; write it like US@2019-06-28"):
        db.bars("US@soon")
    with pytest.raises(UsageError, match="asset 77 of the universe is not in the database"):
        db.bars(pa.table({"asset_id": [77], "symbol": ["A.US"]}))


def test_a_universe_may_be_of_one_type(database_url: str, db: nexus.Nexus) -> None:
    store(database_url, 0, listings("A", "B"))
    assert len(db.universe("US", on=day(0), type="Common Stock")) == 2
    with pytest.raises(UsageError, match="of type 'ETF'; known types: Common Stock"):
        db.universe("US", on=day(0), type="ETF")


def test_a_calendar_has_the_sessions_and_their_closes(db: nexus.Nexus) -> None:
    table = db.calendar("US", "2024-07-01", "2024-07-05")
    closes = [datetime(2024, 7, n, hour, tzinfo=UTC) for n, hour in ((1, 20), (2, 20), (3, 17))]
    assert table.to_pylist()[:3] == [
        {"date": close.date(), "close": close, "is_exact": True} for close in closes
    ]
    assert [each.day for each in table["date"].to_pylist()] == [1, 2, 3, 5], "the fourth is none"
    assert db.calendar("US", end="1960-01-10")["date"].to_pylist()[0] == date(1960, 1, 4)
    with pytest.raises(UsageError, match="no asset of UX; run: nexus discover --exchange UX"):
        db.calendar("UX")
    with pytest.raises(UsageError, match="ends before it begins"):
        db.calendar("US", "2024-07-02", "2024-07-01")


@pytest.mark.usefixtures("two")
def test_a_question_in_sql_is_answered_with_the_types_of_its_columns(db: nexus.Nexus) -> None:
    table = db.sql(
        "SELECT ticker, date, close, 1::int8 AS n, 2.5::numeric AS x, now() AS at,"
        " ARRAY[1, 2] AS l, '{\"a\": 1}'::json AS j, NULL::text AS nothing FROM bars"
        " WHERE ticker = %(ticker)s ORDER BY date",
        {"ticker": "A.US"},
    )
    assert [str(kind) for kind in table.schema.types] == [
        *("string", "date32[day]", "double", "int64", "double", "timestamp[us, tz=UTC]"),
        *("list<item: int32>", "string", "string"),
    ]
    assert table["close"].to_pylist() == [100, 110, 99, 25]
    assert table["x"].to_pylist()[0] == 2.5
    assert len(db.sql("SELECT * FROM bars WHERE ticker LIKE 'A%' AND close > 1000")) == 0


REFUSED = {
    "DELETE FROM market_data": "read-only",
    "SELECT 1; SELECT 2": "multiple commands",
    "SELEC 1": "syntax error",
    "SELECT 1 AS a, 2 AS a": "two columns are called 'a'",
    "SET timezone = 'UTC'": "returns no table",
}


@pytest.mark.parametrize(("question", "reason"), REFUSED.items(), ids=REFUSED)
def test_a_question_that_is_none_is_refused_and_writes_nothing(
    db: nexus.Nexus, database_url: str, two: list[int], question: str, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        db.sql(question)
    assert rows(database_url, "SELECT count(*) FROM market_data") == [(7,)]
    assert two


def test_a_history_is_found_by_the_key(database_url: str) -> None:
    """No table is read through for some of its assets."""
    ids = add_assets(database_url, *(f"A{n}" for n in range(200)))
    execute(
        database_url,
        "INSERT INTO market_data SELECT id, '2020-01-01'::date + n, 1, 1, 1, 1, 1, 1"
        " FROM assets CROSS JOIN generate_series(1, 500) n",
        "ANALYZE",
    )
    asked = {"asset_ids": ids[:3], "firsts": [None] * 3, "lasts": [None] * 3}
    with PostgresConnection(database_url).connect() as connection:
        lines = connection.execute(b"EXPLAIN " + query("read_bars"), asked).fetchall()
    plan = "\n".join(line for (line,) in lines)
    assert "market_data_pkey" in plan
    assert "Seq Scan" not in plan


def test_changes_are_one_table_of_old_and_new_values(
    worker: Worker, database_url: str, db: nexus.Nexus
) -> None:
    store(database_url, 0, listings("A"))
    before = datetime.now(UTC) - timedelta(days=1)
    load(worker, A=[1, 2, 3])
    load(worker, A=[1, 5, 3])
    worker.store_actions({"A": [Split(FIRST, 3, 2)]}, {"A": [PAID]})
    table = db.changes_table(before, "US")
    assert table["moment"].to_pylist() == sorted(table["moment"].to_pylist())
    found = [tuple(row.values())[1:] for row in table.to_pylist()]
    second = FIRST + timedelta(1)
    assert sorted(found[1:], key=str) == sorted(
        [
            ("dividends", "A.US", PAID.date, "dividend", None, 1.0, "USD"),
            *(
                ("restated", "A.US", second, name, 2.0, 5.0, None)
                for name in ("open", "high", "low", "close")
            ),
            ("restated", "A.US", second, "adjusted_close", 1.0, 2.5, None),
            ("splits", "A.US", FIRST, "split", None, 1.5, "3 for 2"),
        ],
        key=str,
    )
    assert found[0] == ("appeared", "A.US", None, "name", None, None, "A Inc")
