"""What the sources disagree about is chosen; what the sandbox offers is told by its controls."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.vendor.sandbox import Sandbox, fetch, sandbox


def used(vendor: Sandbox) -> int:
    return int(vendor.ask("/user").json()["apiRequests"])


def cost(vendor: Sandbox, path: str, **query: str) -> int:
    vendor.ask(path, **query)
    return int(vendor.log()[-1]["cost"])


@pytest.mark.parametrize("page", ["/user", "/internal-user"])
def test_the_account_s_page_may_cost_a_call(vendor: Sandbox, page: str) -> None:
    assert cost(vendor, page) == 0
    vendor.post("/choices", {"user_calls": 1})
    assert cost(vendor, page) == 1
    vendor.post("/limits", {"daily": 1})
    assert vendor.ask(page).status == 402


def test_symbols_of_a_bulk_request_may_be_paid_alone(vendor: Sandbox) -> None:
    named = {"symbols": "AAPL,MSFT"}
    assert cost(vendor, "/eod-bulk-last-day/US", **named) == 102
    vendor.post("/choices", {"bulk_symbols": "alone"})
    assert cost(vendor, "/eod-bulk-last-day/US", **named) == 2
    assert cost(vendor, "/eod-bulk-last-day/US") == 100


@pytest.mark.parametrize("status", [404, 200])
def test_an_unknown_ticker_is_a_text_of_one_of_two_statuses(vendor: Sandbox, status: int) -> None:
    vendor.post("/choices", {"unknown_ticker": status})
    reply = vendor.ask("/eod/NOPE.US", fmt="json")
    assert (reply.status, reply.body) == (status, b"Ticker Not Found.")
    assert vendor.log()[-1]["cost"] == 1
    vendor.post("/choices", {"unknown_calls": 0})
    assert cost(vendor, "/eod/NOPE.US") == 0


def test_unknown_exchanges_may_be_free_as_well(vendor: Sandbox) -> None:
    assert cost(vendor, "/exchange-symbol-list/NOPE") == 1
    vendor.post("/choices", {"unknown_calls": 0})
    assert cost(vendor, "/exchange-symbol-list/NOPE") == 0


def test_the_day_s_count_may_hold_the_extra_calls(vendor: Sandbox) -> None:
    vendor.post("/limits", {"daily": 20, "used": 19, "extra": 10})
    for _ in range(3):
        vendor.ask("/eod/AAPL.US")
    assert used(vendor) == 20
    vendor.post("/choices", {"extra_used": "counted"})
    assert used(vendor) == 22
    vendor.post("/clock", {"now": "2026-11-21T00:00:01"})
    vendor.ask("/eod/AAPL.US")
    assert used(vendor) == 1


def test_a_day_passes_at_the_vendor_without_its_clock(vendor: Sandbox) -> None:
    vendor.post("/limits", {"daily": 20, "used": 20, "used_on": "2026-11-19"})
    told = vendor.ask("/user").json()
    assert (told["apiRequests"], told["apiRequestsDate"]) == (20, "2026-11-19")
    assert vendor.ask("/eod/AAPL.US").status == 200
    assert used(vendor) == 1


@pytest.mark.parametrize("wish", [b'{"weather": "fine"}', b'{"unknown_ticker": 500}'])
def test_what_is_no_choice_is_refused(vendor: Sandbox, wish: bytes) -> None:
    before = vendor.post("/choices")
    reply = fetch(f"{vendor.control}/choices", "POST", wish)
    assert (reply.status, bool(reply.json()["error"])) == (400, True)
    assert vendor.post("/choices") == before


def test_the_first_value_of_each_choice_holds_from_the_start() -> None:
    with sandbox(symbols=1, clean=True) as vendor:
        firsts = {name: values[0] for name, values in vendor.get("/")["choices"].items()}
        assert vendor.post("/choices") == {"version": 0, **firsts}


def test_the_controls_tell_costs_limits_and_what_can_be_changed(vendor: Sandbox) -> None:
    told = vendor.get("/")
    assert told["costs"]["eod-bulk-last-day"] == 100
    assert told["plans"]["free"] == {"daily": 20, "extra": 500}
    assert all(told["changes"].values())
    assert {"POST /limits", "POST /spend", "POST /account", "POST /clock"} <= set(told["changes"])


def test_the_help_tells_costs_and_limits() -> None:
    command = [sys.executable, "-m", "data_nexus.sandbox", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    flowing = " ".join(told.split())
    assert "eod-bulk-last-day 100" in flowing
    assert "all-world 100,000 and 0 extra; free 20 and 500 extra" in flowing


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "sleepy", "share": 0.1}',
        b'{"name": "late", "share": 2}',
        b'{"name": "late", "share": 0.1, "sessions": 0}',
        b'{"name": "late", "symbols": ["NOPE.US"]}',
    ],
)
def test_what_is_no_behaviour_is_refused(vendor: Sandbox, body: bytes) -> None:
    reply = fetch(f"{vendor.control}/behaviours", "POST", body)
    assert (reply.status, bool(reply.json()["error"])) == (400, True)
