"""What the vendor says of the account is believed within reason; what was remembered heals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.postgres.tables import add_assets, rows, value
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes
from tests.system.conftest import Placed


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=20, bars_per_symbol=5, clean=True, minute_limit=1_000_000) as vendor:
        yield vendor


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    yield shared_vendor
    shared_vendor.delete("/faults")
    shared_vendor.post("/limits", {"daily": 100_000, "used": 0})


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed, database_url: str) -> Commands:
    """Commands whose assets are known already."""
    add_assets(database_url, *codes(vendor))
    return commands_for(vendor)


def account(**values: object) -> dict[str, Any]:
    """A fault: one answer about the account that says this."""
    told = {"apiRequests": 0, "dailyRateLimit": 100_000, "extraLimit": 0, **values}
    body = {"body": json.dumps(told), "content_type": "application/json"}
    return {"kind": "hostile_json", "endpoint": "user", "times": 1, **body}


def assert_all_work(commands: Commands, url: str) -> None:
    """Commands that reckon with the quota end well, and the ledger is of today."""
    assert commands.run("backfill", "--limit", "3", "--json").answer["synced"] == 3
    for command in ("plan", "status"):
        assert commands.run(command, "--json").code == 0
    assert value(url, "SELECT day - (now() AT TIME ZONE 'UTC')::date FROM quota_ledger") in (0, 1)
    assert value(url, "SELECT next_slot < now() + interval '3 minutes' FROM quota_ledger")


@pytest.mark.parametrize("day", ["tomorrow", "2036-01-01", "9999-12-31"])
def test_a_count_of_a_day_to_come_stops_nothing_and_is_ignored_with_a_word(
    commands: Commands, vendor: Sandbox, database_url: str, day: str
) -> None:
    if day == "tomorrow":
        day = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    vendor.post("/faults", account(apiRequests=100_000, apiRequestsDate=day))
    done = commands.run("backfill", "--limit", "3", "--json")
    assert (done.code, done.answer["synced"]) == (0, 3)
    assert f"the vendor's count is dated {day}" in done.stderr
    assert_all_work(commands, database_url)


@pytest.mark.parametrize(
    ("day", "days_ahead"), [("2036-01-01", 0), ("9999-12-31", 3000), ("today", 10)]
)
def test_a_ledger_that_remembers_a_wrong_clock_heals_by_itself(
    commands: Commands, vendor: Sandbox, database_url: str, day: str, days_ahead: int
) -> None:
    assert commands.run("backfill", "--limit", "3").code == 0
    query = (
        "UPDATE quota_ledger SET day = %s::text::date, spent = day_limit,"
        " next_slot = now() + %s * interval '1 day'"
    )
    rows(database_url, query, day, days_ahead)
    vendor.post("/limits", {"used": 3})
    for command in ("plan", "status"):
        assert commands.run(command, "--json").code == 0
    if day != "today":
        done = commands.run("backfill", "--limit", "3", "--json")
        assert (done.code, done.answer["synced"]) == (0, 3)
        assert "too far ahead" in done.stderr
    else:
        rows(database_url, "UPDATE quota_ledger SET spent = 3")
    assert_all_work(commands, database_url)


@pytest.mark.parametrize(
    "told",
    [
        {"apiRequests": 2**31},
        {"dailyRateLimit": 9_999_999_999},
        {"extraLimit": 2**40},
        {"apiRequests": 10**30},
        {"apiRequests": -1},
        {"dailyRateLimit": "unlimited"},
        {"apiRequestsDate": "9999-99-99"},
    ],
    ids=str,
)
def test_no_number_of_the_account_is_a_bug_of_ours(
    commands: Commands, vendor: Sandbox, database_url: str, told: dict[str, object]
) -> None:
    today = datetime.now(UTC).date().isoformat()
    vendor.post("/faults", account(**{"apiRequestsDate": today, **told}))
    done = commands.run("backfill", "--limit", "3", "--json")
    assert done.code == 0, done.stderr
    assert value(database_url, "SELECT spent BETWEEN 0 AND 500000000 FROM quota_ledger")


def test_headers_of_thousands_of_digits_are_no_bug_of_ours(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    headers = {"X-RateLimit-Limit": "9" * 5_000, "X-RateLimit-Remaining": "9" * 5_000}
    vendor.post("/faults", {"kind": "hostile_json", "body": "[]", "headers": headers, "times": 2})
    done = commands.run("backfill", "--limit", "3", "--json")
    assert done.code == 0, done.stderr
    assert value(database_url, "SELECT minute_limit FROM quota_ledger") <= 10_000_000
