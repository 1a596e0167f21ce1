"""The files universe serves exactly what the files hold."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.vendor.sandbox import sandbox

DAYS = [date(2020, 1, 1) + timedelta(n) for n in range(200)]
PRICES = ("open", "high", "low", "close", "adjusted_close")


def bars(symbol: str, seed: int) -> pa.Table:
    """Bars of awkward floats, as no vendor would round them."""
    rng = np.random.default_rng(seed)
    values = {name: rng.lognormal(0, 4, len(DAYS)) for name in PRICES}
    values["close"][:4] = (np.nan, 1e-7, 123456789012.5, 0.1 + 0.2)
    volume = rng.integers(0, 10**10, len(DAYS))
    return pa.table({"symbol": [symbol] * len(DAYS), "date": DAYS, **values, "volume": volume})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pq.write_table(pa.concat_tables([bars("A", 1), bars("B", 2)]), tmp_path / "bars_1.parquet")
    pq.write_table(pa.concat_tables([bars("B", 3), bars("C", 4)]), tmp_path / "bars_2.parquet")
    (tmp_path / "symbols.csv").write_text(
        "Code,Name,Type,Country,Exchange,Currency,Isin\n"
        'A,"Alpha, Inc",ETF,USA,NYSE ARCA,USD,\nNONE,None at all,Common Stock,USA,NASDAQ,USD,\n'
        "VOD,Vodafone,Common Stock,UK,LSE,GBP,GB00BH4HKS39\n"
    )
    (tmp_path / "splits.csv").write_text("symbol,date,ratio\nA,2020-03-02,0.1\nB,2020-03-03,4\n")
    (tmp_path / "dividends.csv").write_text(
        "symbol,date,value,basis\nB,2020-02-03,0.174,split-adjusted\nB,2020-04-01,0.5,raw\n"
    )
    return tmp_path


def test_a_parse_gives_back_the_very_floats_of_the_file(folder: Path) -> None:
    with sandbox(data=folder) as vendor:
        rows = vendor.ask("/eod/A.US", fmt="json").json()
        truth = pa.ipc.open_stream(vendor.get("/truth")).read_all()
    table = bars("A", 1).to_pylist()
    wanted = [[None if row[name] != row[name] else row[name] for name in PRICES] for row in table]
    assert [[row[name] for name in PRICES] for row in rows] == wanted
    assert [row["volume"] for row in rows] == [row["volume"] for row in table]
    assert [row["date"] for row in rows] == [str(day) for day in DAYS]
    assert truth.num_rows == 3 * len(DAYS)


def test_numbers_never_have_an_exponent(folder: Path) -> None:
    with sandbox(data=folder) as vendor:
        body = vendor.ask("/eod/A.US", fmt="json").body
    assert b'"close":0.0000001,' in body
    assert b'"close":123456789012.5,' in body
    assert b'"close":null,' in body


def test_of_two_files_the_first_named_has_the_symbol(folder: Path) -> None:
    first, second = folder / "bars_1.parquet", folder / "bars_2.parquet"
    for order, seed in (((first, second), 2), ((second, first), 3)):
        with sandbox(bars=order) as vendor:
            rows = vendor.ask("/eod/B.US", fmt="json").json()
        assert rows[9]["close"] == bars("B", seed)["close"][9].as_py()


def test_the_list_and_the_bars_complete_each_other(folder: Path) -> None:
    with sandbox(data=folder) as vendor:
        listed = vendor.ask("/exchange-symbol-list/US", fmt="json").json()
        assert [row["Code"] for row in listed] == ["A", "NONE", "B", "C"]
        assert listed[0]["Exchange"] == "NYSE ARCA"
        assert listed[0]["Isin"] is None
        assert vendor.ask("/eod/NONE.US", fmt="json").body == b"[]"
        assert vendor.ask("/exchange-symbol-list/LSE", fmt="json").json()[0]["Code"] == "VOD"


def test_actions_are_those_of_the_files(folder: Path) -> None:
    with sandbox(data=folder) as vendor:
        split = vendor.ask("/splits/A.US", fmt="json").body
        assert split == b'[{"date":"2020-03-02","split":"1.000000\\/10.000000"}]'
        paid = vendor.ask("/div/B.US", fmt="json").json()
    amounts = [(row["value"], row["unadjustedValue"]) for row in paid]
    assert amounts == [(0.174, 0.696), (0.5, 0.5)]


def test_without_an_adjusted_close_it_is_the_close(tmp_path: Path) -> None:
    plain = bars("A", 1).drop_columns("adjusted_close")
    pq.write_table(plain, tmp_path / "plain.parquet")
    with sandbox(bars=tmp_path / "plain.parquet") as vendor:
        rows = vendor.ask("/eod/A.US", fmt="json").json()
    assert [row["adjusted_close"] for row in rows] == [row["close"] for row in rows]


def test_rows_in_any_order_are_served_by_date(tmp_path: Path) -> None:
    mixed = pa.concat_tables([bars("A", 1), bars("B", 2)])
    mixed = mixed.take(np.random.default_rng(0).permutation(len(mixed)))
    pq.write_table(mixed, tmp_path / "mixed.parquet")
    with sandbox(bars=tmp_path / "mixed.parquet") as vendor:
        rows = vendor.ask("/eod/B.US", fmt="json").json()
    assert [row["open"] for row in rows] == bars("B", 2)["open"].to_pylist()


def test_only_what_the_clock_has_seen_is_served(folder: Path) -> None:
    with sandbox(data=folder, now="2020-02-01") as vendor:
        assert vendor.ask("/eod/A.US", fmt="json").json()[-1]["date"] == "2020-01-31"
        assert vendor.ask("/splits/A.US", fmt="json").body == b"[]"
