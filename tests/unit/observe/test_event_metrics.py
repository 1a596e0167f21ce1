"""What a process counts is what its events say, by names of the table and bounded labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from data_nexus.domain.endpoints import Endpoint
from data_nexus.events import (
    Absent,
    ActionsFailed,
    ActionsRead,
    AlertRaised,
    AlertRecovered,
    AlertSent,
    Committed,
    Event,
    ExchangeAdvanced,
    Failed,
    FeedRejected,
    JobEnded,
    JobStarted,
    LeaseLost,
    Parked,
    Requested,
    Reread,
    Retried,
    RunFinished,
    RunStarted,
    SessionAdvanced,
    TransactionCommitted,
    Waiting,
    Warned,
)
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.observe.metric_table import COUNTED, METRICS, Kind
from data_nexus.observe.metrics import EventMetrics
from tests.support.vendor.hostile import TEXTS, hostile_events

Series = dict[tuple[str, str], float]
A_NIGHT: tuple[Event, ...] = (
    RunStarted("update", 9),
    Requested(Endpoint.EOD, 1, 0.2, 200, 700),
    Requested(Endpoint.EOD, 1, 0.2, 0, 0),
    Requested(Endpoint.USER, 0, 0.1, 401, 9),
    Retried("A.US", "A.US: cut", 1, 0.5),
    Committed("A.US", 10, 5, 2, 2, 1, True, {"low": 3}, {"high is highest": 1}, 4, 1),  # noqa: FBT003
    Committed("B.US", 7, 7, 0, 0, 0),
    TransactionCommitted(2, 17, 0.3),
    SessionAdvanced("US", "2026-11-09", 90, 80, 2, {}, {"high is highest": 2}),
    ExchangeAdvanced("US", 80, 9, 1),
    FeedRejected("US", "2026-11-09", {"date is a date": 3}),
    ActionsRead("A.US", 1, 2, 0),
    ActionsFailed("B.US", "cut"),
    Absent("C.US", "not listed", 2.0),
    Failed("D.US", "cut"),
    Parked("E.US", "422"),
    LeaseLost("F.US"),
    Reread("A.US", "re-based"),
    Waiting("the database (PostgreSQL: gone)", 3.0),
    Waiting("the vendor to recover (few retries are left)", 4.0),
    Waiting("the vendor to recover", 5.0),
    Waiting("something new", 1.0),
    Warned("clock", "odd"),
    RunFinished("update", "ended early: the vendor is down", 9.0),
    RunFinished("update", "done", 9.0),
    JobStarted("update-US", "2026-11-09T21:15:00+00:00", 1, 2),
    JobEnded("update-US", "2026-11-09T21:15:00+00:00", "done", "", "", 70.0),
    AlertRaised("late", "update-US", "a detail"),
    AlertSent("webhook", "raised", "late", "update-US", 1),
    AlertSent("webhook", "recovered", "late", "update-US", 2),
    AlertRecovered("late", "update-US"),
)

COUNTED_OF_IT: Series = {
    ("nexus_build_info", "version=1.2.3"): 1,
    ("nexus_rows_total", "outcome=inserted"): 5 + 7 + 80,
    ("nexus_rows_total", "outcome=revised"): 2,
    ("nexus_rows_total", "outcome=unchanged"): 2,
    ("nexus_rows_total", "outcome=rejected"): 1 + 2,
    ("nexus_rows_rejected_total", "rule=high is highest"): 1 + 2,
    ("nexus_rows_rejected_total", "rule=date is a date"): 3,
    ("nexus_rows_flagged_total", "rule=low"): 3,
    ("nexus_bars_withdrawn_total", ""): 4,
    ("nexus_bars_doubted_total", ""): 1,
    ("nexus_asset_outcomes_total", "outcome=synced"): 2 + 80,
    ("nexus_asset_outcomes_total", "outcome=absent"): 1 + 9,
    ("nexus_asset_outcomes_total", "outcome=failed"): 1 + 1,
    ("nexus_asset_outcomes_total", "outcome=parked"): 1,
    ("nexus_asset_outcomes_total", "outcome=fenced"): 1,
    ("nexus_rereads_total", ""): 1,
    ("nexus_action_reads_total", "outcome=read"): 1,
    ("nexus_action_reads_total", "outcome=failed"): 1,
    ("nexus_bulk_sessions_total", "exchange=US"): 1,
    ("nexus_calls_total", "endpoint=eod"): 2,
    ("nexus_requests_total", "endpoint=eod,status=200"): 1,
    ("nexus_requests_total", "endpoint=eod,status=none"): 1,
    ("nexus_requests_total", "endpoint=user,status=401"): 1,
    ("nexus_credentials_refused_total", ""): 1,
    ("nexus_response_bytes_total", "endpoint=eod"): 700,
    ("nexus_response_bytes_total", "endpoint=user"): 9,
    ("nexus_request_seconds_count", "endpoint=eod"): 2,
    ("nexus_request_seconds_count", "endpoint=user"): 1,
    ("nexus_transaction_seconds_count", ""): 1,
    ("nexus_transaction_rows_count", ""): 1,
    ("nexus_transaction_assets_count", ""): 1,
    ("nexus_retries_total", ""): 1,
    ("nexus_retry_wait_seconds_total", ""): 0.5,
    ("nexus_waits_total", "reason=the database"): 1,
    ("nexus_waits_total", "reason=the vendor to recover"): 2,
    ("nexus_waits_total", "reason=other"): 1,
    ("nexus_wait_seconds_total", "reason=the database"): 3,
    ("nexus_wait_seconds_total", "reason=the vendor to recover"): 9,
    ("nexus_wait_seconds_total", "reason=other"): 1,
    ("nexus_warnings_total", ""): 1,
    ("nexus_runs_started_total", "command=update"): 1,
    ("nexus_runs_total", "command=update,outcome=done"): 1,
    ("nexus_runs_total", "command=update,outcome=ended early"): 1,
    ("nexus_job_runs_missed_total", "name=update-US"): 2,
    ("nexus_job_runs_total", "name=update-US,outcome=done"): 1,
    ("nexus_job_run_seconds_count", "name=update-US"): 1,
    ("nexus_alerts_raised_total", "condition=late"): 1,
    ("nexus_alerts_recovered_total", "condition=late"): 1,
    ("nexus_alert_messages_total", "channel=webhook"): 2,
}


def series(events: Iterable[Event]) -> Series:
    """The samples after some events, as Prometheus' own parser reads them; zeros are left out."""
    metrics = EventMetrics("1.2.3")
    for event in events:
        metrics.note(event)
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("nexus_") and sample.value
    }


def test_a_night_is_counted() -> None:
    found = series(A_NIGHT)
    counted = {key: n for key, n in found.items() if not key[0].endswith(("_bucket", "_sum"))}
    assert counted == COUNTED_OF_IT
    assert found["nexus_transaction_rows_sum", ""] == 17
    assert found["nexus_job_run_seconds_sum", "name=update-US"] == 70


def test_metrics_and_the_report_of_a_run_count_the_same() -> None:
    totals = RunTotals()
    for event in A_NIGHT:
        totals.note(event)
    found = series(A_NIGHT)
    for outcome in ("inserted", "revised", "unchanged", "rejected"):
        assert found["nexus_rows_total", f"outcome={outcome}"] == getattr(totals, outcome)
    for outcome in ("synced", "absent", "failed", "parked", "fenced"):
        assert found["nexus_asset_outcomes_total", f"outcome={outcome}"] == getattr(totals, outcome)
    rejected = {k: n for (name, k), n in found.items() if name == "nexus_rows_rejected_total"}
    assert rejected == {f"rule={rule}": n for rule, n in totals.rejected_by_rule.items()}


def test_a_metric_shows_itself_by_the_names_of_the_table() -> None:
    shown = {name for name, _ in series(A_NIGHT)}
    named = {
        f"{metric.name}{suffix}"
        for metric in COUNTED
        for suffix in (("_bucket", "_count", "_sum") if metric.kind is Kind.HISTOGRAM else ("",))
    }
    assert named == shown


def test_a_rate_has_a_zero_to_begin_with() -> None:
    """Otherwise the first failure of a process would be no increase."""
    text = generate_latest(EventMetrics("1").registry).decode()
    for line in ('rows_total{outcome="rejected"}', 'asset_outcomes_total{outcome="failed"}'):
        assert f"nexus_{line} 0.0\n" in text
    assert "nexus_credentials_refused_total 0.0\n" in text


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_the_vendor_s_is_a_label(text: str) -> None:
    """Symbols, reasons and outcomes; what is ours by construction may be one: rules, exchanges."""
    ours = {"rule", "exchange", "endpoint", "command", "name", "outcome"}
    ours |= {"condition", "channel"}
    found = series(hostile_events(text))
    labels = [pair.partition("=") for _, key in found for pair in key.split(",") if "=" in pair]
    assert {name for name, _, value in labels if text[:9] in value} <= ours
    assert {name for name, _ in found} <= {name for name, _ in series(A_NIGHT)}


def test_a_vendor_cannot_make_more_series_by_what_it_invents() -> None:
    invented = [Requested("eod", 1, 0.1, status, 1) for status in range(1000)]
    waits = [Waiting(f"reason {number}", 1.0) for number in range(1000)]
    failures = [Failed(f"S{number}.US", f"reason {number}") for number in range(1000)]
    assert len(series([*invented, *waits, *failures])) < 100


def test_names_follow_prometheus_conventions() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names)) > 60
    for metric in METRICS:
        assert metric.name.startswith("nexus_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert not {"symbol", "ticker", "asset", "job", "instance"} & set(metric.labels)
        assert metric.meaning[0].islower() or metric.meaning[0] in "`1"


def test_every_event_is_counted_or_passed_over_on_purpose() -> None:
    before = series(())
    silent = {type(e).__name__ for e in hostile_events("x") if series([e]) == before}
    assert silent == {"RunExtended", "Draining", "SettingsReread"}
    assert len(get_args(Event)) > 20
