"""The synthetic universe: the same from the same seed, and true to itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.support.vendor.sandbox import Sandbox, sandbox

NOW = "2026-11-20"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with sandbox(symbols=300, years=6, now=NOW, minute_limit=100_000) as vendor:
        yield vendor


def codes(vendor: Sandbox, **query: int) -> list[str]:
    return [
        row["Code"] for row in vendor.ask("/exchange-symbol-list/US", fmt="json", **query).json()
    ]


def test_the_same_seed_gives_the_same_world_and_another_one_another() -> None:
    bodies = []
    for seed in (1, 1, 2):
        with sandbox(symbols=20, years=2, now=NOW, seed=seed) as vendor:
            found = vendor.ask("/exchange-symbol-list/US").body
            bodies.append((found, vendor.ask("/eod/AAPL.US", fmt="json").body))
    assert bodies[0] == bodies[1]
    assert bodies[0][0] != bodies[2][0]
    assert bodies[0][1] != bodies[2][1]


def test_tomorrow_the_world_only_has_one_more_session() -> None:
    served = []
    for now in ("2026-11-19", "2026-11-20"):
        with sandbox(symbols=30, years=2, now=now) as vendor:
            found = {code: answer_rows(vendor, code) for code in codes(vendor)}
            listing = vendor.ask("/exchange-symbol-list/US", delisted=1).body
            served.append((found, listing))
    (before, dead), (after, dead_after) = served
    assert dead == dead_after
    assert before.keys() == after.keys()
    raw = ("date", "open", "high", "low", "close")
    for code, rows in before.items():
        assert [[row[k] for k in raw] for row in rows] == [
            [row[k] for k in raw] for row in after[code][: len(rows)]
        ]
        assert {row["date"] for row in after[code][len(rows) :]} <= {"2026-11-19"}
    assert sum(map(len, after.values())) > sum(map(len, before.values()))


def test_a_clean_world_has_exactly_the_bars_asked_for() -> None:
    options = {"symbols": 12, "bars_per_symbol": 250, "clean": True, "now": NOW}
    with sandbox(**options) as vendor:  # type: ignore[arg-type]
        histories = [vendor.ask(f"/eod/{code}.US", fmt="json").json() for code in codes(vendor)]
        assert codes(vendor, delisted=1) == []
    assert len(histories) == 12
    assert {len(rows) for rows in histories} == {250}
    assert {rows[-1]["date"] for rows in histories} == {"2026-11-19"}


def test_fifty_thousand_symbols_are_listed_and_no_two_alike() -> None:
    with sandbox(symbols=50_000, clean=True, now=NOW) as vendor:
        found = codes(vendor)
    assert (len(found), len(set(found))) == (50_000, 50_000)


def test_candles_bracket_their_prices(world: Sandbox) -> None:
    rows = [row for code in codes(world)[:40] for row in answer_rows(world, code)]
    assert len(rows) > 10_000
    assert [r for r in rows if r["high"] < max(r["open"], r["close"])] == []
    assert [r for r in rows if not 0 < r["low"] <= min(r["open"], r["close"])] == []


def answer_rows(vendor: Sandbox, code: str) -> list[Row]:
    reply = vendor.ask(f"/eod/{code}.US", fmt="json")
    return list(reply.json()) if reply.status == 200 else []


def test_the_world_has_the_vendors_irregularities(world: Sandbox) -> None:
    replies = {code: world.ask(f"/eod/{code}.US", fmt="json") for code in codes(world)}
    assert {reply.status for reply in replies.values()} == {200, 404}
    assert b"[]" in {reply.body for reply in replies.values()}
    assert any(b'"volume":0}' in reply.body for reply in replies.values())
    listing = world.ask("/exchange-symbol-list/US", fmt="json").json()
    assert {None} < {row["Isin"] for row in listing}
    names = " ".join(row["Name"] for row in listing)
    assert set(',"&') <= set(names)
    assert any(ord(letter) > 127 for letter in names)
    dead = codes(world, delisted=1)
    reused = {code.removesuffix("_old") for code in dead if code.endswith("_old")}
    assert reused
    assert reused <= set(codes(world))


def test_a_dead_listing_has_bars_that_end(world: Sandbox) -> None:
    ends = [
        rows[-1]["date"] for code in codes(world, delisted=1) if (rows := answer_rows(world, code))
    ]
    assert len(ends) > 20
    assert max(ends) < "2026-11-01"


def test_no_bar_lies_on_a_holiday_or_a_weekend(world: Sandbox) -> None:
    details = world.ask("/exchange-details/US", from_="2020-01-01", to="2026-12-31").json()
    closed = {day["Date"] for day in details["ExchangeHolidays"].values()}
    assert {"2025-07-04", "2026-04-03", "2025-01-09"} <= closed
    days = {str(row["date"]) for row in answer_rows(world, "AAPL")}
    assert days & closed == set()
    assert {date.fromisoformat(day).weekday() for day in days} == {0, 1, 2, 3, 4}


def test_adjusted_closes_follow_from_raw_closes_and_actions(world: Sandbox) -> None:
    """Computed here once more, the slow way, from what the three endpoints say."""
    split_seen = dividend_seen = 0
    for code in codes(world)[:60]:
        rows = answer_rows(world, code)
        if not rows:
            continue
        splits = world.ask(f"/splits/{code}.US", fmt="json").json()
        dividends = world.ask(f"/div/{code}.US", fmt="json").json()
        split_seen, dividend_seen = split_seen + len(splits), dividend_seen + len(dividends)
        factor, factors = 1.0, []
        ratios = {each["date"]: each["split"].split("/") for each in splits}
        cash = {each["date"]: each["unadjustedValue"] for each in dividends}
        for row, before in zip(rows[::-1], [*rows[-2::-1], None], strict=True):
            factors.append(factor)
            if before and row["date"] in ratios:
                new, old = ratios[row["date"]]
                factor *= float(old) / float(new)
            if before and row["date"] in cash:
                factor *= 1 - cash[row["date"]] / before["close"]
        wanted = [row["close"] * each for row, each in zip(rows, factors[::-1], strict=True)]
        assert [row["adjusted_close"] for row in rows] == pytest.approx(wanted, abs=6e-5)
    assert split_seen > 5
    assert dividend_seen > 100


def test_a_window_is_cut_out_of_the_history(world: Sandbox) -> None:
    whole = answer_rows(world, "MSFT")
    for first, last in (
        ("2024-03-02", "2024-06-28"),
        ("2024-03-04", "2024-03-04"),
        ("2026-11-01", ""),
    ):
        reply = world.ask("/eod/MSFT.US", fmt="json", from_=first, to=last)
        wanted = [row for row in whole if first <= str(row["date"]) <= (last or "9999")]
        assert reply.json() == wanted
        entry = world.log()[-1]
        assert (entry["rows"], entry["first"]) == (len(wanted), wanted[0]["date"])
    assert world.ask("/eod/MSFT.US", fmt="json", from_="2024-03-02", to="2024-03-03").body == b"[]"
    assert world.ask("/eod/MSFT.US", from_="2027-01-01").body == (
        b"Date,Open,High,Low,Close,Adjusted_close,Volume\n"
    )


def test_order_period_and_filter_are_understood(world: Sandbox) -> None:
    whole = answer_rows(world, "MSFT")
    assert world.ask("/eod/MSFT.US", fmt="json", order="d").json() == whole[::-1]
    assert world.ask("/eod/MSFT.US", fmt="json", filter="last_close").json() == whole[-1]["close"]
    months = world.ask("/eod/MSFT.US", fmt="json", period="m").json()
    first = [row for row in whole if str(row["date"]).startswith(str(months[1]["date"])[:7])]
    assert months[1] == {
        "date": first[0]["date"],
        "open": first[0]["open"],
        "high": max(row["high"] for row in first),
        "low": min(row["low"] for row in first),
        "close": first[-1]["close"],
        "adjusted_close": first[-1]["adjusted_close"],
        "volume": sum(row["volume"] for row in first),
    }


def test_types_are_chosen_by_the_vendors_words(world: Sandbox) -> None:
    everyone = world.ask("/exchange-symbol-list/US", fmt="json").json()
    funds = world.ask("/exchange-symbol-list/US", fmt="json", type="etf").json()
    assert funds == [row for row in everyone if row["Type"] == "ETF"]
    assert len({row["Type"] for row in everyone}) > 4
    venue = world.ask("/exchange-symbol-list/NYSE", fmt="json").json()
    assert venue == [row for row in everyone if row["Exchange"] == "NYSE"]


def test_renamed_symbols_are_told(world: Sandbox) -> None:
    changes = world.ask("/symbol-change-history").json()
    assert changes
    assert {row["new_symbol"] for row in changes} <= set(codes(world))
    assert json.dumps(changes[0]).startswith('{"exchange": "US", "old_symbol": ')


def test_yields_and_commodities_are_zero_and_negative_at_times() -> None:
    options = {"symbols": 3, "clean": True, "years": 1, "now": "2026-11-20T12:00:00"}
    with sandbox(exchange=["US", "GBOND", "COMM"], **options) as vendor:  # type: ignore[arg-type]
        for exchange, kind in (("GBOND", "BOND"), ("COMM", "Commodity")):
            listed = vendor.ask(f"/exchange-symbol-list/{exchange}", fmt="json").json()
            assert {row["Type"] for row in listed} == {kind}
            for code in (row["Code"] for row in listed):
                rows = vendor.ask(f"/eod/{code}.{exchange}", fmt="json").json()
                closes = [row["close"] for row in rows]
                assert min(closes) < 0 < max(closes)
                assert 0 in closes
                assert closes == [row["adjusted_close"] for row in rows]
                assert all(row["low"] <= min(row["open"], row["close"]) for row in rows)
                assert all(row["high"] >= max(row["open"], row["close"]) for row in rows)
                assert vendor.ask(f"/splits/{code}.{exchange}", fmt="json").json() == []
        bulk = vendor.ask("/eod-bulk-last-day/GBOND").json()
        assert len(bulk) == 3


def test_behaviours_hold_for_prices_at_zero_and_below() -> None:
    names = ("provisional", "partial", "doubled")
    for day in ("2026-08-03", "2026-09-14"):
        options = {"symbols": 20, "clean": True, "years": 1, "now": f"{day}T16:00:00"}
        every = [f"{name}=1" for name in names]
        with sandbox(exchange="GBOND", behaviour=every, **options) as vendor:  # type: ignore[arg-type]
            for row in vendor.ask("/eod-bulk-last-day/GBOND").json():
                assert row["low"] <= row["close"] <= row["high"]
                columns = vendor.get(f"/truth/{row['code']}.GBOND?final=1")
                assert row["close"] != columns["close"][-1]
