"""The vendor's own counting: tokens, the minute, the day, and what each request costs."""

from __future__ import annotations

import pytest

from tests.support.vendor.sandbox import TOKEN, Reply, Sandbox, fetch

RATE_HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining"}


def used(vendor: Sandbox) -> int:
    return int(vendor.ask("/user").json()["apiRequests"])


def eod(vendor: Sandbox, symbol: str = "AAPL.US") -> Reply:
    return vendor.ask(f"/eod/{symbol}", fmt="json")


@pytest.mark.parametrize("query", ["", "?api_token=wrong"])
def test_without_the_token_nothing_is_told(vendor: Sandbox, query: str) -> None:
    reply = fetch(f"{vendor.url}/eod/AAPL.US{query}")
    assert (reply.status, reply.body) == (401, b"Unauthenticated")
    assert RATE_HEADERS & set(reply.headers) == set()


def test_the_demo_key_serves_its_own_symbols_only(vendor: Sandbox) -> None:
    assert fetch(f"{vendor.url}/eod/AAPL.US?api_token=demo").status == 200
    refused = fetch(f"{vendor.url}/exchange-symbol-list/US?api_token=demo")
    assert refused.status == 403
    assert refused.body == b"Forbidden. Please contact support@eodhistoricaldata.com"
    account = fetch(f"{vendor.url}/internal-user?api_token=demo").json()
    assert (account["subscriptionMode"], account["availableDataFeeds"]) == ("demo", [])


def test_every_request_takes_one_from_the_minute(vendor: Sandbox) -> None:
    remaining = [
        int(vendor.ask(path).headers["X-RateLimit-Remaining"])
        for path in ("/user", "/eod/AAPL.US", "/eod-bulk-last-day/US", "/eod/NOPE.US")
    ]
    assert remaining == [999, 998, 997, 996]


@pytest.mark.parametrize(
    ("path", "query", "calls"),
    [
        ("/eod/AAPL.US", {}, 1),
        ("/eod/NOPE.US", {}, 1),
        ("/eod/BRK.B.US", {}, 0),
        ("/div/AAPL.US", {}, 1),
        ("/splits/AAPL.US", {}, 1),
        ("/exchanges-list/", {}, 1),
        ("/exchange-symbol-list/US", {"delisted": "1"}, 1),
        ("/exchange-details/US", {}, 5),
        ("/symbol-change-history", {}, 5),
        ("/eod-bulk-last-day/US", {}, 100),
        ("/eod-bulk-last-day/US", {"symbols": "AAPL,MSFT"}, 102),
        ("/user", {}, 0),
        ("/internal-user", {}, 0),
    ],
)
def test_each_endpoint_has_its_price(
    vendor: Sandbox, path: str, query: dict[str, str], calls: int
) -> None:
    before = used(vendor)
    vendor.ask(path, **query)
    assert used(vendor) - before == calls
    assert vendor.log()[-2]["cost"] == calls


def test_extra_calls_are_drawn_silently_and_then_it_is_over(vendor: Sandbox) -> None:
    vendor.post("/limits", {"daily": 20, "used": 19, "extra": 1})
    assert [eod(vendor).status for _ in range(3)] == [200, 200, 402]
    account = vendor.ask("/user").json()
    assert (account["apiRequests"], account["extraLimit"]) == (20, 0)
    assert eod(vendor).body == (
        b"You exceeded your daily API requests limit.  Please contact support@eodhistoricaldata.com"
    )


def test_the_daily_counter_starts_again_with_the_first_call_of_the_day(vendor: Sandbox) -> None:
    vendor.post("/limits", {"daily": 20, "used": 20})
    assert eod(vendor).status == 402
    vendor.post("/clock", {"now": "2026-11-21T00:00:01"})
    stale = vendor.ask("/user").json()
    assert (stale["apiRequests"], stale["apiRequestsDate"]) == (20, "2026-11-20")
    assert eod(vendor).status == 200
    fresh = vendor.ask("/user").json()
    assert (fresh["apiRequests"], fresh["apiRequestsDate"]) == (1, "2026-11-21")


def test_the_log_tells_what_was_served_and_never_the_token(vendor: Sandbox) -> None:
    reply = eod(vendor)
    entry = vendor.log()[-1]
    rows = reply.json()
    assert entry["path"] == "/api/eod/AAPL.US"
    assert entry["query"] == {"fmt": "json"}
    served = (entry["rows"], entry["first"], entry["last"], entry["bytes"])
    assert served == (len(rows), rows[0]["date"], rows[-1]["date"], len(reply.body))
    assert TOKEN not in str(vendor.log())
