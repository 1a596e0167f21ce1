"""What is exported for LEAN follows an asset through its tickers, a ticker through its bearers."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from data_nexus.domain.symbol import Symbol
from tests.support.files.exports import Bar, Share, put, written
from tests.support.files.lean import adjusted_closes, daily, factor_file, map_file
from tests.support.postgres.tables import execute

DAY = date(2022, 6, 1)
FOREVER = date(2050, 12, 31)
META, BERKSHIRE, TINY = Symbol("META", "US"), Symbol("BRK-B", "US"), Symbol("TINY", "US")


def bars(first: date, count: int, price: float = 100.0) -> dict[date, Bar]:
    """Bars on days in a row, the volume of each in shares of today."""
    days = [first + timedelta(n) for n in range(count)]
    return {
        day: (price + n, price + n + 1, price + n - 1, price + n, 1.0, 4000.0)
        for n, day in enumerate(days)
    }


def listed(url: str, asset_id: int, *stretches: tuple[str, date, date | None]) -> None:
    """Note under which codes an asset was listed."""
    with psycopg.connect(url) as connection:
        for code, since, until in stretches:
            connection.execute(
                "INSERT INTO listings (asset_id, from_moment, until_moment, symbol, exchange,"
                " venue, name, asset_type, began) VALUES (%s, %s, %s, %s, 'US', '', '', '', '')",
                (asset_id, since, until, code),
            )


def test_an_ordinary_share_is_a_zip_a_map_and_a_factor_file(
    database_url: str, tmp_path: Path
) -> None:
    stored = bars(DAY, 3)
    put(database_url, Share("BRK-B", stored, columns=(("venue", "NYSE"),)))
    written(database_url, "lean", tmp_path, BERKSHIRE)
    assert daily(tmp_path, "brk.b") == [(day, *bar[:4], bar[5]) for day, bar in stored.items()]
    assert map_file(tmp_path, "brk.b") == [(DAY, "brk.b", "N"), (FOREVER, "brk.b", "N")]
    assert factor_file(tmp_path, "brk.b") == [(DAY, 1, 1, 1), (FOREVER, 1, 1, 0)]


def test_a_renamed_share_has_its_bars_under_the_ticker_of_each_day(
    database_url: str, tmp_path: Path
) -> None:
    (facebook,) = put(database_url, Share("META", bars(DAY, 10)))
    renamed = DAY + timedelta(6)
    listed(database_url, facebook, ("FB", DAY, renamed), ("META", renamed, None))
    written(database_url, "lean", tmp_path, META)
    assert [row[0] for row in daily(tmp_path, "fb")] == [DAY + timedelta(n) for n in range(6)]
    assert [row[0] for row in daily(tmp_path, "meta")] == [DAY + timedelta(n) for n in range(6, 10)]
    assert map_file(tmp_path, "meta") == [
        (DAY, "fb", "Q"),
        (renamed - timedelta(1), "fb", "Q"),
        (FOREVER, "meta", "Q"),
    ]
    assert len(adjusted_closes(tmp_path, "meta")) == 10


def test_a_ticker_s_zip_holds_whoever_bore_it(database_url: str, tmp_path: Path) -> None:
    later = DAY + timedelta(20)
    facebook, fund = put(
        database_url, Share("META", bars(DAY, 30)), Share("FB", bars(later, 10, price=7))
    )
    renamed = DAY + timedelta(6)
    listed(database_url, facebook, ("FB", DAY, renamed), ("META", renamed, None))
    listed(database_url, fund, ("FB", later, None))
    for order in ((META, Symbol("FB", "US")), (Symbol("FB", "US"), META)):
        written(database_url, "lean", tmp_path, *order)
        rows = daily(tmp_path, "fb")
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert [row[4] for row in rows] == [
            *(100.0 + n for n in range(6)),
            *(7.0 + n for n in range(10)),
        ]


def test_bars_of_one_day_under_one_ticker_are_those_written_first_and_the_others_are_told(
    database_url: str, tmp_path: Path
) -> None:
    (facebook, fund) = put(
        database_url, Share("META", bars(DAY, 6)), Share("FB", bars(DAY + timedelta(4), 4, price=7))
    )
    seen = DAY + timedelta(6)  # a list, some days after the rename
    listed(database_url, facebook, ("FB", DAY, seen), ("META", seen, None))
    listed(database_url, fund, ("FB", DAY + timedelta(4), None))
    done = written(database_url, "lean", tmp_path, META, Symbol("FB", "US"))
    ((symbol, reason),) = done.left_out
    assert (symbol, reason[:6]) == ("META.US", "2 bars")
    closes = [row[4] for row in daily(tmp_path, "fb")]
    assert closes == [100.0, 101.0, 102.0, 103.0, 7.0, 8.0, 9.0, 10.0]


def test_a_dead_share_ends_in_its_map(database_url: str, tmp_path: Path) -> None:
    put(database_url, Share("META", bars(DAY, 3), columns=(("is_delisted", True),)))
    written(database_url, "lean", tmp_path, META)
    assert map_file(tmp_path, "meta")[-1] == (DAY + timedelta(2), "meta", "Q")


def test_a_split_and_a_dividend_on_one_day_are_one_line(database_url: str, tmp_path: Path) -> None:
    ex_date = DAY + timedelta(2)
    share = Share("META", bars(DAY, 4), ((ex_date, 4, 1),), ((ex_date, 2.02, "USD"),))
    put(database_url, share)
    written(database_url, "lean", tmp_path, META)
    first, step, last = factor_file(tmp_path, "meta")
    assert step.price == pytest.approx(0.98, rel=1e-12)
    assert (step.day, step.split, step.reference) == (DAY + timedelta(1), 0.25, 101)
    assert (first.day, first.price, first.split) == (DAY, step.price, 0.25)
    assert last == (FOREVER, 1, 1, 0)


def test_an_ex_date_right_behind_the_first_exported_bar_is_a_line(
    database_url: str, tmp_path: Path
) -> None:
    ex_date = DAY + timedelta(2)
    put(database_url, Share("META", bars(DAY, 6), ((ex_date, 4, 1),)))
    written(database_url, "lean", tmp_path, META, first=ex_date - timedelta(1))
    assert factor_file(tmp_path, "meta") == [
        (ex_date - timedelta(1), 1, 0.25, 101),
        (FOREVER, 1, 1, 0),
    ]


def test_prices_of_less_than_a_deci_cent_keep_their_digits(
    database_url: str, tmp_path: Path
) -> None:
    put(database_url, Share("TINY", {DAY: (3e-7, 1e12, 1e-8, 0.00015, 1.0, 3e12)}))
    written(database_url, "lean", tmp_path, TINY)
    ((_, *prices, volume),) = daily(tmp_path, "tiny")
    assert volume == 3e12
    assert prices == pytest.approx([3e-7, 1e12, 1e-8, 0.00015], rel=1e-12)


def test_the_same_bars_make_the_same_bytes(database_url: str, tmp_path: Path) -> None:
    put(database_url, Share("META", bars(DAY, 3)))
    zips = []
    for name in ("one", "two"):
        written(database_url, "lean", tmp_path / name, META)
        zips.append((tmp_path / name / "equity/usa/daily/meta.zip").read_bytes())
    assert zips[0] == zips[1]
    execute(database_url, "UPDATE market_data SET close = 50")
    written(database_url, "lean", tmp_path / "two", META)
    assert (tmp_path / "two/equity/usa/daily/meta.zip").read_bytes() != zips[0]
