"""The rolling audit's arithmetic."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.planning.audit import (
    Record,
    assets_to_sample,
    histories_to_audit,
    outlook,
    sample_within,
    updates_for,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SHARES = {"share": 0.02, "keep_share": 0.05}


def record(exchange: str, assets: int, *, days_ago: int | None = 1, today: int = 0) -> Record:
    oldest = None if days_ago is None else NOON - timedelta(days=days_ago)
    return Record(exchange, assets, oldest, today, 0, 0, 0)


def quota(spent: int = 0, limit: int | None = 100_000) -> Quota:
    return Quota(NOON.date(), spent, limit, 0, 1000, NOON)


@pytest.mark.parametrize(
    ("assets", "calls", "updates"),
    [(50_000, 2000, 25), (50_001, 2000, 26), (10, 2000, 1), (0, 2000, 0), (10, 0, None)],
)
def test_every_history_is_read_within_that_many_updates(
    assets: int, calls: int, updates: int | None
) -> None:
    assert updates_for(assets, calls) == updates


@pytest.mark.parametrize("seed", range(5))
def test_no_history_waits_longer_than_guaranteed(seed: int) -> None:
    """Updates with audits over histories that were read at random and all at once; some anew."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    assets, calls, rest = chance.randint(20, 300), chance.randint(1, 20), chance.randint(0, 7)
    read = [chance.choice([0, -chance.randint(0, 40)]) for _ in range(assets)]
    promised = updates_for(assets, calls)
    assert promised
    for number in range(1, 6 * promised):
        for asset in chance.sample(range(assets), assets // 20):
            read[asset] = number
        due = sorted(asset for asset in range(assets) if read[asset] < number - rest)
        for asset in sorted(due, key=read.__getitem__)[:calls]:
            read[asset] = number
        if number > rest + promised:
            assert number - min(read) <= rest + promised


def test_the_outlook_counts_a_year_s_sessions() -> None:
    """25 updates with a session are five weeks and a day or two."""
    found = outlook([record("LSE", 8_000), record("US", 42_000)], 100_000, 0.02, 7)
    assert (found.calls, found.assets, found.updates, found.days) == (2000, 50_000, 25, 7 + 37)


def test_the_oldest_reading_of_all_exchanges_is_reported() -> None:
    found = outlook([record("LSE", 8, days_ago=9), record("US", 42, days_ago=3)], 100_000, 0.02, 7)
    assert found.oldest == NOON - timedelta(days=9)


def test_an_exchange_whose_readings_are_not_known_leaves_the_oldest_unknown() -> None:
    records = [record("LSE", 8, days_ago=None), record("US", 42)]
    assert outlook(records, 100_000, 0.02, 7).oldest is None


@pytest.mark.parametrize(("limit", "calls"), [(None, None), (20, 0)])
def test_without_calls_nothing_is_promised(limit: int | None, calls: int | None) -> None:
    found = outlook([record("US", 10)], limit, 0.02, 7)
    assert (found.calls, found.updates, found.days) == (calls, None, None)


def test_nothing_loaded_needs_no_audit() -> None:
    found = outlook([], 100_000, 0.02, 7)
    assert (found.assets, found.updates, found.oldest) == (0, 0, None)


def test_an_update_of_all_takes_what_is_left_of_the_share() -> None:
    records = [record("US", 50_000, today=500)]
    today = replace(quota(spent=900), audited=500)
    assert histories_to_audit(today, records, None, **SHARES) == 1500


def test_an_update_of_one_exchange_takes_that_exchange_s_part_once_a_day() -> None:
    records = [record("LSE", 10_000), record("US", 40_000, today=1000)]
    assert histories_to_audit(quota(), records, "LSE", **SHARES) == 400
    assert histories_to_audit(quota(), records, "US", **SHARES) == 600
    assert histories_to_audit(replace(quota(), audited=1900), records, "LSE", **SHARES) == 100
    assert histories_to_audit(quota(), records, "TO", **SHARES) == 0


def test_a_small_exchange_gets_its_turns_over_the_days() -> None:
    """One history of 1,000 by two turns a day: one turn in 500 days."""
    records = [record("LSE", 1), record("US", 999)]
    begun = NOON.date()
    turns = [
        histories_to_audit(
            replace(quota(limit=100), day=begun + timedelta(days=n)), records, "LSE", **SHARES
        )
        for n in range(1000)
    ]
    assert (sum(turns), max(turns)) == (2, 1)


@pytest.mark.parametrize(
    ("today", "assets"),
    [
        (quota(), 1000),
        (replace(quota(), audited=1999), 0),
        (quota(spent=94_995), 2),
        (quota(limit=100), 1),
        (quota(limit=20), 0),
        (quota(limit=None), 0),
        (replace(quota(spent=100_000), extra=500), 0),
    ],
)
def test_a_sample_costs_no_more_than_the_audit_may_still_take(today: Quota, assets: int) -> None:
    """Two calls an asset; neither the reserve nor extra calls are spent on it."""
    assert assets_to_sample(today, **SHARES) == assets


def test_what_the_day_does_not_pay_for_is_left_to_the_exchanges_that_come_later() -> None:
    drawn = {"LSE": 20, "TO": 0, "US": 20}
    assert sample_within(drawn, 100) == {"LSE": 20, "US": 20}
    assert sample_within(drawn, 25) == {"LSE": 20, "US": 5}
    assert sample_within(drawn, 20) == {"LSE": 20}
    assert sample_within(drawn, 0) == {}
