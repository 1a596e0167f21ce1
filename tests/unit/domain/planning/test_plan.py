"""The plan of a load."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.planning.bulk_or_single import FetchPlan
from data_nexus.domain.planning.plan import Purpose, Step, StepKind, plan_histories, plan_update

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def quota(spent: int, limit: int | None) -> Quota:
    return Quota(NOON.date(), spent, limit, 0, 1000, NOON)


def test_five_hundred_calls_a_day_make_four_days_of_two_thousand_assets() -> None:
    found = plan_histories({"US": 2000}, quota(0, 500), NOON)
    assert (found.calls, found.requests, found.quota_left, found.days) == (2000, 2000, 500, 4)
    assert timedelta(days=2, hours=12) < timedelta(seconds=found.eta_sec) < timedelta(days=3)


def test_what_fits_into_today_takes_as_long_as_the_pace() -> None:
    found = plan_histories({"LSE": 100, "US": 889}, quota(0, 100_000), NOON)
    assert (found.calls, found.days) == (989, 1)
    assert 59 < found.eta_sec < 61
    assert [(step.exchange, step.calls) for step in found.steps] == [("LSE", 100), ("US", 889)]


def test_extra_calls_help_on_the_first_day_only() -> None:
    found = plan_histories({"US": 2000}, replace(quota(0, 500), extra=500), NOON)
    assert (found.quota_left, found.days) == (1000, 3)


def test_a_load_of_days_takes_until_the_last_day_s_requests_are_sent() -> None:
    found = plan_histories({"US": 1001}, quota(0, 500), NOON)
    last_day_begins = timedelta(days=1, hours=12, seconds=30)
    assert timedelta(0) < timedelta(seconds=found.eta_sec) - last_day_begins < timedelta(seconds=1)


def test_a_spent_day_is_none_of_the_days_on_which_calls_are_spent() -> None:
    found = plan_histories({"US": 1000}, quota(500, 500), NOON)
    assert (found.quota_left, found.days) == (0, 2)
    second_midnight = timedelta(days=1, hours=12, seconds=30)
    assert second_midnight < timedelta(seconds=found.eta_sec) < second_midnight + timedelta(hours=1)


def test_nothing_due_takes_no_day() -> None:
    found = plan_histories({}, quota(0, 500), NOON)
    assert (found.calls, found.days, found.eta_sec) == (0, 0, 0.0)


def test_yesterdays_spending_does_not_count_today() -> None:
    yesterday = Quota(NOON.date() - timedelta(days=1), 500, 500, 0, 1000, NOON)
    assert plan_histories({"US": 10}, yesterday, NOON).quota_left == 500


def test_an_unknown_limit_is_not_guessed() -> None:
    found = plan_histories({"US": 10}, quota(0, None), NOON)
    assert (found.quota_left, found.days) == (None, None)


def test_a_session_that_today_does_not_pay_is_planned_for_tomorrow() -> None:
    in_bulk, listed = FetchPlan((NOON.date(),), 900, 0), FetchPlan((), 0, 40)
    found = plan_update({"US": in_bulk}, quota(250, 500), NOON)
    assert (found.calls, found.quota_left, found.days) == (300, 250, 1)
    tomorrow = timedelta(hours=12, seconds=30)
    assert tomorrow < timedelta(seconds=found.eta_sec) < tomorrow + timedelta(minutes=1)
    with_singly = plan_update({"US": in_bulk, "LSE": listed}, quota(250, 500), NOON)
    assert (with_singly.calls, with_singly.quota_left, with_singly.days) == (340, 250, 2)


def test_wanted_actions_cost_a_call_for_splits_and_one_for_dividends() -> None:
    way = FetchPlan((NOON.date(), NOON.date() + timedelta(days=1)), in_bulk=900, individually=7)
    found = plan_update({"US": way}, quota(0, 100_000), NOON, wanting={"LSE": 30, "US": 20})
    in_bulk = (StepKind.BULK, StepKind.SPLITS, StepKind.DIVIDENDS)
    assert found.steps == (
        *(Step(kind, "US", 900, 200, 2, sessions=2) for kind in in_bulk),
        Step(StepKind.EOD, "US", 7, 7, 7),
        Step(StepKind.SPLITS, "LSE", 30, 30, 30),
        Step(StepKind.DIVIDENDS, "LSE", 30, 30, 30),
        Step(StepKind.SPLITS, "US", 20, 20, 20),
        Step(StepKind.DIVIDENDS, "US", 20, 20, 20),
    )
    assert (found.calls, found.requests) == (707, 113)


def test_the_audit_is_a_step_of_its_own_and_its_calls_are_the_plan_s() -> None:
    ways = {"US": FetchPlan((NOON.date(),), 900, 3)}
    found = plan_update(ways, quota(0, 100_000), NOON, audits={"LSE": 20, "US": 1980})
    assert [(each.exchange, each.kind, each.purpose, each.calls) for each in found.steps[3:]] == [
        ("US", StepKind.EOD, Purpose.DUE, 3),
        ("LSE", StepKind.EOD, Purpose.AUDIT, 20),
        ("US", StepKind.EOD, Purpose.AUDIT, 1980),
    ]
    assert (found.calls, found.requests) == (300 + 3 + 2000, 3 + 3 + 2000)


def test_a_sample_is_two_steps_that_say_so() -> None:
    found = plan_update({}, quota(0, 100_000), NOON, sampled={"US": 20})
    assert found.steps == (
        Step(StepKind.SPLITS, "US", 20, 20, 20, purpose=Purpose.SAMPLE),
        Step(StepKind.DIVIDENDS, "US", 20, 20, 20, purpose=Purpose.SAMPLE),
    )
    assert (found.calls, found.requests) == (40, 40)
