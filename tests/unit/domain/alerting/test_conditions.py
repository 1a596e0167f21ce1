"""What holds, what does not, and what cannot be decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from data_nexus.domain.alerting.conditions import (
    VENDOR,
    Bounds,
    Condition,
    DiskSpace,
    FailingEndpoint,
    Freshness,
    JobRecord,
    Judgement,
    Known,
    QuotaOutlook,
    Subject,
    WaitingAssets,
    judge,
)

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
JOB = JobRecord(name="update-US", action="update", outcome="done", ended_at=NOON, well_at=NOON)
FAILED = replace(JOB, outcome="failed", detail="it failed", well_at=NOON - timedelta(1))
USUAL = [50_000] * 5


def held(**known: Any) -> set[tuple[str, str]]:  # noqa: ANN401
    """The conditions that hold, with their subjects."""
    return {(each.condition, each.name) for each in judge(Known(**known), Bounds()).holding}


def of_jobs(*jobs: JobRecord) -> Judgement:
    return judge(Known(jobs=jobs), Bounds())


@pytest.mark.parametrize(
    ("job", "condition", "subject"),
    [
        (replace(FAILED, error="VendorUnavailable"), "down", VENDOR),
        (replace(FAILED, error="CredentialsRefused"), "credentials", VENDOR),
        (replace(FAILED, error="QuotaSpent"), "quota", VENDOR),
        (replace(FAILED, error="StorageUnavailable"), "job-failed", JOB.name),
        (replace(FAILED, action="backup"), "backup", JOB.name),
        (replace(JOB, action="backup", is_overdue=True), "backup", JOB.name),
        (replace(JOB, outcome="late"), "late", JOB.name),
        (replace(JOB, brought=12, earlier_brought=USUAL), "too-small", JOB.name),
        (replace(JOB, seconds=2, earlier_seconds=[600.0] * 5), "too-small", JOB.name),
    ],
)
def test_how_a_job_ended_holds_one_condition(job: JobRecord, condition: str, subject: str) -> None:
    """Not while it is at work again, which decides nothing; and not once a person paused it."""
    assert held(jobs=[job]) == {(condition, subject)}
    about = Subject(Condition(condition), subject)
    assert of_jobs(replace(job, is_paused=True)).is_over(about)
    if condition != "quota":
        assert not of_jobs(replace(job, outcome="running")).is_over(about)
    assert of_jobs(replace(JOB)).is_over(about)


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, brought=5_000, earlier_brought=USUAL),
        replace(JOB, brought=12, earlier_brought=USUAL[:4]),
        replace(JOB, brought=1, earlier_brought=[40] * 5),
        replace(JOB, brought=None, earlier_brought=USUAL, seconds=1, earlier_seconds=[600.0] * 5),
        replace(JOB, seconds=1, earlier_seconds=[50.0] * 5),
        replace(FAILED, outcome="done", brought=50_000, earlier_brought=USUAL),
    ],
)
def test_little_is_too_little_only_against_a_history_of_much(job: JobRecord) -> None:
    assert held(jobs=[job]) == set()


def test_the_vendor_is_up_once_another_job_ended_well_after_the_failure() -> None:
    failed = replace(FAILED, error="VendorUnavailable")
    other = replace(JOB, name="update-LSE", well_at=NOON + timedelta(minutes=5))
    assert held(jobs=[failed, other]) == set()
    assert held(jobs=[failed, replace(other, well_at=NOON - timedelta(1))]) == {("down", VENDOR)}


def test_the_vendor_is_down_while_workers_say_so_and_undecided_while_they_are_silent() -> None:
    down = Subject(Condition.DOWN, VENDOR)
    lately, before = FailingEndpoint("eod", True), FailingEndpoint("bulk", False)  # noqa: FBT003
    judged = judge(Known(jobs=[JOB], failing=[before, lately]), Bounds())
    assert judged.holding == {down: "requests fail, and wait: eod"}
    silent = judge(Known(jobs=[JOB], failing=[before]), Bounds())
    assert (silent.holding, silent.is_over(down)) == ({}, False)
    failed = replace(FAILED, error="VendorUnavailable")
    assert down in judge(Known(jobs=[failed], failing=[before]), Bounds()).holding


def test_exchanges_quota_and_disk_have_bounds() -> None:
    session = date(2026, 11, 9)
    assert held(exchanges=[Freshness("US", session, 1000, 10)]) == set()
    assert held(exchanges=[Freshness("US", session, 1000, 11)]) == {("not-fresh", "US")}
    assert held(quota=QuotaOutlook(299, 300)) == {("quota", VENDOR)}
    assert held(quota=QuotaOutlook(300, 300)) == held(quota=QuotaOutlook(None, 300)) == set()
    assert held(dead_letters=[WaitingAssets("US", session, 3)]) == {
        ("dead-letters", "US 2026-11-09")
    }
    assert held(suspicions=[WaitingAssets("US", session, 3)]) == {("findings", "US 2026-11-09")}


def test_what_a_late_vendor_did_not_bring_is_late_and_not_too_small() -> None:
    late = replace(JOB, outcome="late", brought=12, earlier_brought=USUAL)
    assert held(jobs=[late]) == {("late", JOB.name)}


def test_a_disk_is_the_affair_of_its_machine_and_has_room_again_above_the_bound() -> None:
    here, there = Subject(Condition.DISK, "a:/home"), Subject(Condition.DISK, "b:/home")

    def with_free(share: float) -> Judgement:
        return judge(Known(disk=DiskSpace("a:/home", share)), Bounds(disk_free=0.05))

    assert here in with_free(0.049).holding
    assert here not in with_free(0.052).holding
    assert not with_free(0.052).is_over(here)
    assert with_free(0.06).is_over(here)
    assert not with_free(0.06).is_over(there)
