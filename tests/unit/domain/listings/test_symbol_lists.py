"""Which symbol lists are read again, and what the plan counts for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.listings.symbol_lists import KnownList, lists_due
from data_nexus.domain.planning.bulk_or_single import FetchPlan
from data_nexus.domain.planning.plan import plan_update

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def known(exchange: str = "US", days_ago: float = 30, *, delisted: bool = False) -> KnownList:
    return KnownList(exchange, delisted, (), 1000, NOW - timedelta(days=days_ago))


@pytest.mark.parametrize(
    ("days_ago", "every_days", "due"),
    [
        (7, 7, 1),
        (6.9, 7, 1),
        (6, 7, 0),
        (0, 0, 1),
        (1, 1, 1),
        (0.5, 1, 0),
        (-1, 0, 0),
        (9999, float("inf"), 0),
    ],
)
def test_a_list_is_due_when_it_is_so_many_days_old_give_or_take_some_hours(
    days_ago: float, every_days: float, due: int
) -> None:
    found = lists_due([known(days_ago=days_ago)], {"US"}, every_days, NOW)
    assert len(found) == due


def test_the_living_come_before_the_dead_and_other_exchanges_stay_out() -> None:
    dead, living, other = known(delisted=True), known(), known("LSE")
    assert lists_due([dead, other, living], {"US"}, 7, NOW) == [living, dead]


def test_the_plan_counts_a_call_a_list_and_the_renames_where_the_vendor_reports_them() -> None:
    lists = [known("LSE"), known("LSE", delisted=True), known(), known(delisted=True)]
    quota = Quota(NOW.date(), 0, 100_000, 0, 1000, NOW)
    found = plan_update({"US": FetchPlan((), 0, 20)}, quota, NOW, lists=lists)
    assert [(s.kind, s.exchange, s.assets, s.calls, s.requests) for s in found.steps] == [
        ("symbols", "LSE", 2000, 2, 2),
        ("symbols", "US", 2000, 7, 3),
        ("eod", "US", 20, 20, 20),
    ]
    assert (found.calls, found.requests) == (29, 25)
