"""The calendar of splits: a range of days of all exchanges for one call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.vendor.sandbox import Sandbox, sandbox


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    options = {"symbols": 5, "clean": True, "bars_per_symbol": 30, "exchange": ["US", "LSE"]}
    with sandbox(now="2026-11-20T12:00:00", **options) as running:  # type: ignore[arg-type]
        for symbol, day in (
            *(("AAPL.US", "2026-11-16"), ("MSFT.US", "2026-11-17"), ("VTI.US", "2026-11-20")),
            ("AAPL.US", "2014-06-09"),
        ):
            running.post("/actions", {"symbol": symbol, "date": day, "split": "3/2"})
        yield running


def test_it_has_the_documented_shape(vendor: Sandbox) -> None:
    reply = vendor.ask("/calendar/splits", from_="2026-11-17", to="2026-11-18")
    assert reply.json() == {
        "type": "Splits",
        "description": "Historical and upcoming splits",
        "from": "2026-11-17",
        "to": "2026-11-18",
        "splits": [
            {
                "code": "MSFT.US",
                "split_date": "2026-11-17",
                "optionable": "N",
                "old_shares": 2,
                "new_shares": 3,
            }
        ],
    }
    entry = vendor.log()[-1]
    assert (entry["endpoint"], entry["cost"], entry["rows"]) == ("calendar/splits", 1, 1)


def found(vendor: Sandbox, **query: str) -> list[tuple[str, str]]:
    rows = vendor.ask("/calendar/splits", **query).json()["splits"]
    return [(row["code"], row["split_date"]) for row in rows]


def test_both_ends_belong_to_the_range_and_what_is_not_out_does_not(vendor: Sandbox) -> None:
    november = [("AAPL.US", "2026-11-16"), ("MSFT.US", "2026-11-17")]
    assert found(vendor, from_="2026-11-16", to="2026-11-17") == november
    assert found(vendor, from_="2026-11-01", to="2026-11-30") == november
    vendor.post("/clock", {"advance_sec": 86_400})
    assert found(vendor, from_="2026-11-17", to="2026-11-20")[1:] == [("VTI.US", "2026-11-20")]


def test_without_a_range_it_shows_the_coming_week(vendor: Sandbox) -> None:
    whole = vendor.ask("/calendar/splits").json()
    assert (whole["from"], whole["to"], whole["splits"]) == ("2026-11-20", "2026-11-27", [])


def test_symbols_replace_the_range_and_the_calendar_begins_in_2015(vendor: Sandbox) -> None:
    whole = vendor.ask("/calendar/splits", symbols="AAPL.US,VTI.US", from_="2026-11-19").json()
    assert (whole["symbols"], whole.keys() & {"from", "to"}) == ("AAPL.US,VTI.US", set())
    codes = {(row["code"], row["split_date"]) for row in whole["splits"]}
    assert ("AAPL.US", "2026-11-16") in codes
    assert {code for code, _ in codes} == {"AAPL.US"}
    assert found(vendor, from_="2014-01-01", to="2014-12-31") == []


def test_the_free_plan_has_no_calendar(vendor: Sandbox) -> None:
    vendor.post("/account", {"plan": "free"})
    reply = vendor.ask("/calendar/splits", from_="2026-11-16", to="2026-11-17")
    assert reply.status == 403


def test_a_calendar_that_is_not_simulated_is_no_page(vendor: Sandbox) -> None:
    assert vendor.ask("/calendar/earnings").status == 404
    assert vendor.ask("/calendar").status == 404
