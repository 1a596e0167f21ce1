"""Somebody else spends the same key: it shows everywhere but in the request log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.vendor.sandbox import Sandbox

LEEWAY = 2  # The vendor's clock runs on while a test asks.


@pytest.fixture
def before(vendor: Sandbox) -> dict[str, Any]:
    """What the other one had spent before this test."""
    return spent(vendor)


def spent(vendor: Sandbox) -> dict[str, Any]:
    return dict(vendor.get("/stats")["other_spender"])


def used(vendor: Sandbox) -> int:
    return int(vendor.ask("/user").json()["apiRequests"])


def remaining(vendor: Sandbox) -> int:
    return int(vendor.ask("/user").headers["X-RateLimit-Remaining"])


def test_what_is_spent_at_once_shows_in_the_account_and_in_the_headers(vendor: Sandbox) -> None:
    vendor.post("/spend", {"calls": 300, "requests": 40})
    assert used(vendor) == 300
    assert remaining(vendor) == 1000 - 40 - 2


def test_only_what_is_there_can_be_spent(vendor: Sandbox, before: dict[str, Any]) -> None:
    vendor.post("/limits", {"minute": 10, "daily": 50, "extra": 5})
    vendor.post("/spend", {"calls": 90, "requests": 13})
    after = spent(vendor)
    gained = {name: after[name] - before[name] for name in ("requests", "calls", "refused")}
    assert gained == {"requests": 10, "calls": 55, "refused": 3}


def test_the_others_find_the_minute_full(vendor: Sandbox) -> None:
    vendor.post("/limits", {"minute": 10})
    vendor.post("/spend", {"requests": 10})
    assert vendor.ask("/user").status == 429


def test_the_others_find_the_day_spent(vendor: Sandbox) -> None:
    vendor.post("/limits", {"daily": 10})
    vendor.post("/spend", {"calls": 10})
    assert vendor.ask("/eod/AAPL.US").status == 402


def test_it_stands_apart_from_the_request_log(vendor: Sandbox, before: dict[str, Any]) -> None:
    requests, calls = (vendor.get("/stats")[name] for name in ("requests", "calls"))
    vendor.post("/spend", {"calls": 7, "requests": 3})
    stats = vendor.get("/stats")
    assert (stats["requests"], stats["calls"], len(vendor.log())) == (requests, calls, requests)
    other = stats["other_spender"]
    gained = {name: other[name] - before[name] for name in ("requests", "calls", "refused")}
    assert gained == {"requests": 3, "calls": 7, "refused": 0}


def test_it_goes_on_with_the_vendor_s_clock(vendor: Sandbox, before: dict[str, Any]) -> None:
    vendor.post("/spend", {"per_minute": 60, "calls_each": 5})
    vendor.post("/clock", {"advance_sec": 30})
    after = spent(vendor)
    requests = after["requests"] - before["requests"]
    assert 30 <= requests <= 30 + LEEWAY
    assert after["calls"] - before["calls"] == 5 * requests
    assert 970 - LEEWAY <= remaining(vendor) + 1 <= 970
    assert used(vendor) >= 150


def test_it_stops_when_told(vendor: Sandbox) -> None:
    vendor.post("/spend", {"per_minute": 600})
    vendor.post("/clock", {"advance_sec": 10})
    vendor.post("/spend", {"per_minute": 0})
    stopped = spent(vendor)
    vendor.post("/clock", {"advance_sec": 3600})
    assert spent(vendor) == stopped


def test_a_minute_holds_both_spenders(vendor: Sandbox, before: dict[str, Any]) -> None:
    vendor.post("/limits", {"minute": 50, "window": "sliding"})
    for _ in range(20):
        vendor.ask("/user")
    vendor.post("/spend", {"per_minute": 60})
    vendor.post("/clock", {"advance_sec": 45})
    after = spent(vendor)
    assert after["requests"] - before["requests"] == 30
    assert 15 <= after["refused"] - before["refused"] <= 15 + LEEWAY
    assert vendor.ask("/user").status == 429


def test_it_opens_the_new_day(vendor: Sandbox) -> None:
    vendor.post("/limits", {"used": 90_000})
    vendor.post("/clock", {"now": "2026-11-20T23:59:30"})
    vendor.post("/spend", {"per_minute": 60})
    vendor.post("/clock", {"advance_sec": 50})
    told = vendor.ask("/user").json()
    assert told["apiRequestsDate"] == "2026-11-21"
    assert 20 - LEEWAY <= told["apiRequests"] <= 20 + LEEWAY


def test_of_a_leap_of_years_only_the_last_day_is_spent(
    vendor: Sandbox, before: dict[str, Any]
) -> None:
    vendor.post("/spend", {"per_minute": 30})
    vendor.post("/clock", {"now": "2031-01-01T00:00:00"})
    requests = spent(vendor)["requests"] - before["requests"]
    assert 30 * 1440 - LEEWAY <= requests <= 30 * 1440 + LEEWAY


def test_a_clock_set_back_lets_it_go_on_from_there(vendor: Sandbox, before: dict[str, Any]) -> None:
    vendor.post("/spend", {"per_minute": 60})
    vendor.post("/clock", {"advance_sec": -7200})
    vendor.post("/clock", {"advance_sec": 20})
    assert 20 <= spent(vendor)["requests"] - before["requests"] <= 20 + LEEWAY
