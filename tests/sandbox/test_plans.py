"""What a plan allows: all of it, the free year, or the demo key's few symbols."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.vendor.sandbox import Reply, Sandbox, fetch, sandbox

YEAR_AGO = "2025-11-20"
WARNING = "Data is limited by one year as you have free subscription"
SUPPORT = "Please, contact our support team: support@eodhistoricaldata.com"
REFUSED = {
    "/div/AAPL.US": 403,
    "/splits/AAPL.US": 403,
    "/exchange-details/US": 403,
    "/symbol-change-history": 403,
    "/intraday/AAPL.US": 403,
    "/fundamentals/AAPL.US": 403,
    "/calendar/splits": 403,
    "/eod-bulk-last-day/US": 423,
}
TEXTS = {
    403: f"Only EOD data allowed for free users. {SUPPORT}",
    423: f"Bulk requests are prohibited for free users. {SUPPORT}",
}


@pytest.fixture
def free(vendor: Sandbox) -> Sandbox:
    vendor.post("/account", {"plan": "free"})
    return vendor


def history(vendor: Sandbox, **query: str) -> list[dict[str, Any]]:
    return list(vendor.ask("/eod/AAPL.US", fmt="json", **query).json())


def account(vendor: Sandbox) -> dict[str, Any]:
    return dict(vendor.ask("/internal-user").json())


def demo(vendor: Sandbox, path: str) -> Reply:
    return fetch(f"{vendor.url}{path}?api_token=demo")


def test_the_free_plan_s_history_is_a_year_with_a_warning_on_every_row(vendor: Sandbox) -> None:
    year = [row for row in history(vendor) if row["date"] >= YEAR_AGO]
    assert 240 < len(year) < 300
    vendor.post("/account", {"plan": "free"})
    assert history(vendor) == [{**row, "warning": WARNING} for row in year]
    assert vendor.log()[-1]["rows"] == len(year)


def test_the_warning_may_be_one_more_row_or_all_there_is(free: Sandbox) -> None:
    year = [{key: row[key] for key in row if key != "warning"} for row in history(free)]
    free.post("/choices", {"warning": "extra"})
    assert history(free) == [*year, {"warning": WARNING}]
    free.post("/choices", {"warning": "only"})
    assert history(free) == [{"warning": WARNING}]
    assert free.log()[-1]["rows"] == 0


def test_a_range_before_the_free_year_holds_no_bars(free: Sandbox) -> None:
    before = {"from_": "2025-09-01", "to": "2025-10-01"}
    assert history(free, **before) == []
    free.post("/choices", {"warning": "extra"})
    assert history(free, **before) == [{"warning": WARNING}]


def test_a_range_within_the_free_year_is_served_as_asked(free: Sandbox) -> None:
    days = [row["date"] for row in history(free, from_="2026-11-16", to="2026-11-18")]
    assert days == ["2026-11-16", "2026-11-17", "2026-11-18"]


def test_csv_and_bare_values_are_limited_without_a_warning(free: Sandbox) -> None:
    lines = free.ask("/eod/AAPL.US", fmt="csv").body.decode().splitlines()
    assert lines[0] == "Date,Open,High,Low,Close,Adjusted_close,Volume"
    assert lines[1] >= YEAR_AGO
    assert "warning" not in "".join(lines)
    last = free.ask("/eod/AAPL.US", fmt="json", filter="last_date")
    assert last.body == b'"2026-11-19"'


@pytest.mark.parametrize("path", REFUSED)
def test_the_free_plan_refuses_the_rest_in_the_vendor_s_words(free: Sandbox, path: str) -> None:
    reply = free.ask(path)
    assert (reply.status, reply.body.decode()) == (REFUSED[path], TEXTS[REFUSED[path]])
    assert free.log()[-1]["cost"] == 0


@pytest.mark.parametrize(
    "path", ["/user", "/internal-user", "/exchanges-list", "/exchange-symbol-list/US"]
)
def test_the_free_plan_serves_lists_and_the_account(free: Sandbox, path: str) -> None:
    assert free.ask(path).status == 200


def test_a_plan_brings_its_calls_and_the_account_tells_it(free: Sandbox) -> None:
    told = account(free)
    assert (told["dailyRateLimit"], told["extraLimit"], told["subscriptionMode"]) == (
        *(20, 500),
        "free",
    )
    free.post("/account", {"plan": "all-world"})
    told = account(free)
    assert (told["dailyRateLimit"], told["extraLimit"], told["subscriptionMode"]) == (
        *(100_000, 0),
        "paid",
    )


def test_a_plan_that_changes_in_mid_run_leaves_what_was_used(vendor: Sandbox) -> None:
    history(vendor)
    vendor.post("/account", {"plan": "free"})
    history(vendor)
    assert account(vendor)["apiRequests"] == 2


def test_the_free_plan_goes_on_with_extra_calls_and_then_ends(free: Sandbox) -> None:
    free.post("/limits", {"used": 19})
    history(free)
    assert account(free)["extraLimit"] == 500
    history(free)
    assert account(free)["extraLimit"] == 499
    free.post("/limits", {"extra": 0})
    assert free.ask("/eod/AAPL.US", fmt="json").status == 402


def test_a_plan_is_chosen_at_start_and_its_calls_may_be_others() -> None:
    with sandbox(symbols=1, clean=True, plan="free", extra_limit=7) as vendor:
        told = account(vendor)
        assert (told["dailyRateLimit"], told["extraLimit"]) == (20, 7)
        assert vendor.ask("/eod-bulk-last-day/US").status == 423


def test_a_plan_that_does_not_exist_is_refused(vendor: Sandbox) -> None:
    reply = fetch(f"{vendor.control}/account", "POST", b'{"plan": "gold"}')
    assert (reply.status, "all-world, free" in reply.json()["error"]) == (400, True)


def test_the_demo_key_has_limits_of_its_own(free: Sandbox) -> None:
    free.post("/limits", {"minute_used": 1000, "used": 520})
    assert demo(free, "/eod/AAPL.US").status == 200
    told = demo(free, "/user").json()
    assert (told["dailyRateLimit"], told["subscriptionMode"]) == (100_000, "demo")
    assert free.ask("/user").status == 429


@pytest.mark.parametrize(
    ("choice", "status", "text"),
    [
        (403, 403, b"Forbidden. Please contact support@eodhistoricaldata.com"),
        (401, 401, b"Unauthenticated"),
    ],
)
def test_the_demo_key_s_refusal_is_one_of_two(
    vendor: Sandbox, choice: int, status: int, text: bytes
) -> None:
    vendor.post("/choices", {"demo_refusal": choice})
    reply = demo(vendor, "/eod/BRK-B.US")
    assert (reply.status, reply.body) == (status, text)
