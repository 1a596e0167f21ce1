"""Yields and commodities below zero, and rows that come twice, from the vendor to the reader."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

import data_nexus as nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants, inspect_database
from data_nexus.errors import UsageError
from data_nexus.research.views import Adjust
from tests.support.postgres.tables import add_assets, rows, snapshot, value
from tests.support.vendor.nights import load_all
from tests.support.vendor.sandbox import Sandbox, sandbox

# Oil below zero, a yield below and at zero, and the same of a share, which cannot be. The last row
# of DUP comes twice, with other volumes and the noise of 32 bits; that of TWO with another price.
BARS = """symbol,exchange,date,open,high,low,close,volume
CL,COMM,2020-04-17,19.9,20.5,17.3,18.27,100000
CL,COMM,2020-04-20,17.73,17.85,-40.32,-37.63,248000
CL,COMM,2020-04-21,-14.0,13.86,-16.74,10.01,80000
DE10Y,GBOND,2020-04-17,-0.44,-0.43,-0.46,-0.45,0
DE10Y,GBOND,2020-04-20,0.001,0.01,-0.01,0.0,0
DE10Y,GBOND,2020-04-21,0.02,0.5,0.01,0.5,0
SHARE,US,2020-04-17,1.0,1.0,-1.0,-1.0,10
SHARE,US,2020-04-20,1.0,1.0,1.0,1.0,10
DUP,US,2020-04-17,103,104,102,103,1003
DUP,US,2020-04-20,103,104,102,103,987
DUP,US,2020-04-20,103.00001,104,102,103,1003
TWO,US,2020-04-17,103,104,102,103,1003
TWO,US,2020-04-20,103,104,102,103,1003
TWO,US,2020-04-20,103,104,102,103.5,1003
"""
FRIDAY, MONDAY, TUESDAY = date(2020, 4, 17), date(2020, 4, 20), date(2020, 4, 21)


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Sandbox]:
    (tmp_path / "bars.csv").write_text(BARS)
    with sandbox(data=tmp_path, now="2020-04-23") as running:
        yield running


@pytest.fixture
def loaded(vendor: Sandbox, database_url: str) -> str:
    """A database that has loaded all of it."""
    add_assets(database_url, "CL", exchange="COMM", asset_type="Commodity")
    add_assets(database_url, "DE10Y", exchange="GBOND", asset_type="Bond")
    add_assets(database_url, "SHARE", "DUP", "TWO", asset_type="Common Stock")
    load_all(vendor, database_url)
    return database_url


def closes(url: str, code: str) -> list[tuple[date, float]]:
    of = (
        "SELECT date, close FROM market_data JOIN assets a ON a.id = asset_id"
        " WHERE symbol = %s ORDER BY date"
    )
    return [(day, close) for day, close in rows(url, of, code)]


def log(url: str, code: str) -> list[tuple[object, ...]]:
    of = (
        "SELECT received, inserted, revised, unchanged, rejected, flagged"
        " FROM sync_log l JOIN assets a ON a.id = asset_id WHERE symbol = %s ORDER BY l.fence"
    )
    return rows(url, of, code)


def test_prices_of_zero_and_below_are_bars_of_yields_and_commodities_alone(loaded: str) -> None:
    assert closes(loaded, "CL") == [(FRIDAY, 18.27), (MONDAY, -37.63), (TUESDAY, 10.01)]
    assert closes(loaded, "DE10Y") == [(FRIDAY, -0.45), (MONDAY, 0.0), (TUESDAY, 0.5)]
    assert closes(loaded, "SHARE") == [(MONDAY, 1.0)]
    assert log(loaded, "CL") == [(3, 3, 0, 0, 0, {"prices are above zero": 2})]
    below = {"prices are above zero": 2, "volume is above zero": 3}
    assert log(loaded, "DE10Y") == [(3, 3, 0, 0, 0, below)]
    read = "SELECT symbol, date, rule FROM rejected_rows JOIN assets a ON a.id = asset_id"
    assert rows(loaded, read + " WHERE symbol = 'SHARE'") == [
        ("SHARE", FRIDAY, "prices are not negative")
    ]


def test_they_are_explained_and_sound_and_read_again_without_a_change(
    loaded: str, vendor: Sandbox
) -> None:
    load_all(vendor, loaded)
    assert [entry[:5] for entry in log(loaded, "CL")] == [(3, 3, 0, 0, 0), (3, 0, 0, 3, 0)]
    wanted = "SELECT count(*) FROM assets WHERE actions_wanted_at IS NOT NULL"
    assert value(loaded, wanted) == 0
    assert value(loaded, "SELECT count(*) FROM findings") == 0
    database = PostgresConnection(loaded)
    assert set(broken_invariants(database).values()) == {0}
    assert not any(inspect_database(database, sample=9).broken.values())
    with nexus.connect(loaded) as db:
        for adjust in get_args(Adjust):
            table = db.bars("CL.COMM", adjust=adjust)
            assert table["close"].to_pylist() == [18.27, -37.63, 10.01]


def test_what_a_yield_was_before_is_a_revision(loaded: str, vendor: Sandbox) -> None:
    vendor.post("/restate", {"symbol": "DE10Y.GBOND", "date": str(FRIDAY), "close": -0.4})
    load_all(vendor, loaded)
    assert closes(loaded, "DE10Y")[0] == (FRIDAY, -0.4)
    assert rows(loaded, "SELECT date, close FROM market_data_revisions") == [(FRIDAY, -0.45)]


def test_of_a_last_row_that_comes_twice_the_larger_volume_is_the_bar(loaded: str) -> None:
    stored = "SELECT volume, open FROM market_data JOIN assets a ON a.id = asset_id"
    last = rows(loaded, stored + " WHERE symbol = 'DUP' AND date = %s", MONDAY)
    assert last == [(1003, 103.00001)]
    assert log(loaded, "DUP") == [(3, 2, 0, 1, 0, {"bar comes once": 1})]
    assert closes(loaded, "TWO") == [(FRIDAY, 103)]
    assert log(loaded, "TWO") == [(3, 1, 0, 0, 2, {})]


def test_a_setting_names_more_of_them_and_what_was_rejected_lately_comes_with_the_next_read(
    loaded: str, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXUS_SIGNED_PRICES", "US:Common Stock")
    load_all(vendor, loaded)
    assert closes(loaded, "SHARE") == [(FRIDAY, -1.0), (MONDAY, 1.0)]


def test_a_setting_that_names_no_assets_is_refused_before_anything_is_written(
    loaded: str, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, asked = snapshot(loaded), len(vendor.log())
    monkeypatch.setenv("NEXUS_SIGNED_PRICES", "US;COMM")
    with pytest.raises(UsageError, match="NEXUS_SIGNED_PRICES: not an exchange"):
        load_all(vendor, loaded)
    assert (snapshot(loaded), len(vendor.log())) == (before, asked)
