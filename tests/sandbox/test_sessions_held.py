"""Sessions that no calendar has, and sessions of the calendar that are not held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import truth

SYMBOL = "AAPL.US"
WORLD: dict[str, Any] = {"symbols": 4, "clean": True, "bars_per_symbol": 60}
FRIDAY, SUNDAY, MONDAY, TUESDAY = "2026-11-20", "2026-11-22", "2026-11-23", "2026-11-24"


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with sandbox(**WORLD, now="2026-12-31T12:00:00") as running:
        publish(running, FRIDAY)
        yield running


def publish(vendor: Sandbox, day: str) -> None:
    vendor.post("/publish", {"exchange": "US", "date": day})


def dates(vendor: Sandbox, symbol: str = SYMBOL) -> list[str]:
    return [row["date"] for row in vendor.ask(f"/eod/{symbol}", fmt="json").json()]


def bulk_codes(vendor: Sandbox, **query: str) -> list[tuple[str, str]]:
    rows = vendor.ask("/eod-bulk-last-day/US", **query).json()
    return sorted((row["code"], row["date"]) for row in rows)


def test_an_exchange_trades_on_a_sunday_that_no_calendar_has(vendor: Sandbox) -> None:
    publish(vendor, TUESDAY)
    plain = {row["date"]: row for row in vendor.ask(f"/eod/{SYMBOL}", fmt="json").json()}
    vendor.post("/sessions", {"exchange": "US", "extra": [SUNDAY]})
    publish(vendor, SUNDAY)
    assert dates(vendor)[-2:] == [FRIDAY, SUNDAY]
    assert len(bulk_codes(vendor, date=SUNDAY)) == 4
    assert {day for _, day in bulk_codes(vendor)} == {SUNDAY}
    publish(vendor, TUESDAY)
    served = {row["date"]: row for row in vendor.ask(f"/eod/{SYMBOL}", fmt="json").json()}
    extra = served.pop(SUNDAY)
    assert served == plain
    assert extra["low"] <= extra["open"] < extra["close"] <= extra["high"]
    assert extra["volume"] > 0
    details = vendor.ask("/exchange-details/US").json()
    assert details["TradingHours"]["WorkingDays"] == "Mon,Tue,Wed,Thu,Fri"


def test_what_is_late_counts_the_extra_session(vendor: Sandbox) -> None:
    vendor.post("/sessions", {"exchange": "US", "extra": [SUNDAY]})
    vendor.post("/behaviours", {"name": "late", "symbols": [SYMBOL]})
    publish(vendor, SUNDAY)
    assert dates(vendor)[-1] == FRIDAY
    publish(vendor, MONDAY)
    assert dates(vendor)[-1] == SUNDAY


def test_a_session_of_the_calendar_is_not_held(vendor: Sandbox) -> None:
    vendor.post("/sessions", {"exchange": "US", "missing": [MONDAY]})
    vendor.post("/behaviours", {"name": "late", "symbols": [SYMBOL], "since": None})
    publish(vendor, MONDAY)
    assert bulk_codes(vendor, date=MONDAY) == []
    assert {day for _, day in bulk_codes(vendor)} == {FRIDAY}
    assert dates(vendor)[-1] == "2026-11-19"
    publish(vendor, TUESDAY)
    assert dates(vendor, "MSFT.US")[-2:] == [FRIDAY, TUESDAY]
    assert dates(vendor)[-1] == FRIDAY
    shown = vendor.ask("/exchange-details/US").json()["ExchangeHolidays"].values()
    assert MONDAY not in {holiday["Date"] for holiday in shown}


def test_an_exchange_is_shut_until_it_reopens(vendor: Sandbox) -> None:
    vendor.post("/sessions", {"exchange": "US", "shut_from": MONDAY})
    vendor.post("/behaviours", {"name": "late", "symbols": [SYMBOL], "since": None})
    vendor.post("/behaviours", {"name": "partial", "symbols": ["MSFT.US"], "since": None})
    publish(vendor, "2026-12-02")
    assert dates(vendor, "MSFT.US")[-1] == FRIDAY
    assert dates(vendor)[-1] == "2026-11-19"
    shut = {"exchange": "US", "shut_from": MONDAY, "reopens": "2026-12-02"}
    assert vendor.post("/sessions", shut)["last_session"] == "2026-12-02"
    assert dates(vendor, "TSLA.US")[-2:] == [FRIDAY, "2026-12-02"]
    assert dates(vendor)[-1] == FRIDAY


def test_an_action_on_a_day_without_a_session_shows_with_the_next_one(vendor: Sandbox) -> None:
    vendor.post("/sessions", {"exchange": "US", "missing": [MONDAY]})
    vendor.post("/actions", {"symbol": SYMBOL, "date": MONDAY, "split": "2/1"})
    publish(vendor, TUESDAY)
    rows = vendor.ask(f"/eod/{SYMBOL}", fmt="json").json()
    assert rows[-2]["adjusted_close"] == pytest.approx(rows[-2]["close"] / 2, abs=1e-4)
    assert rows[-1]["adjusted_close"] == rows[-1]["close"] < 0.7 * rows[-2]["close"]


def test_other_sessions_are_chosen_at_start() -> None:
    days = {"extra_session": [SUNDAY], "missing_session": [MONDAY]}
    options = {"exchange": ["US", "LSE"], "now": "2026-11-25T12:00:00", **WORLD, **days}
    with sandbox(**options) as vendor:
        assert dates(vendor)[-3:] == [FRIDAY, SUNDAY, TUESDAY]
        found = {str(day) for day in truth(vendor)["date"].to_pylist()}
        assert (SUNDAY in found, MONDAY in found) == (True, False)
