"""A run's report is a value; its JSON has the keys that scripts rely on."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from data_nexus.domain.planning.notices import Notice, notices_of
from data_nexus.errors import CredentialsRefused, QuotaSpent
from data_nexus.ingestion.reports.run_report import (
    AuditReport,
    RunReport,
    SampleReport,
    SessionReport,
    UpdateSteps,
)
from data_nexus.ingestion.reports.run_totals import RunTotals

FIGURES = (
    *("total_assets", "synced", "absent", "failed", "parked", "fenced", "reread"),
    *("actions", "actions_failed", "findings"),
    *("total_rows", "inserted", "revised", "unchanged", "rejected", "withdrawn", "doubted"),
    *("flagged", "rejected_by_rule"),
    *("calls", "requests", "commits", "duration_sec", "notices"),
)
SESSION = SessionReport(
    exchange="US",
    session="2024-05-06",
    calls=100,
    rows=9,
    stored=7,
    absent=1,
    fetched_individually=1,
)
AUDIT = AuditReport(assets=3, failed=1, inserted=0, revised=2, calls=4)
SAMPLE = SampleReport(assets=20, not_stored=2, unexplained=1, failed=0, calls=40)


def report() -> RunReport:
    """The report of a run of which each count is another."""
    totals = RunTotals(synced=2, failed=3, received=50, calls=7)
    totals.flagged.update({"high is highest": 1})
    return totals.report(1.23456)


def test_a_run_has_the_figures_of_its_counts_in_their_order() -> None:
    figures = report().as_dict()
    assert tuple(figures) == FIGURES
    shown = ("total_assets", "synced", "failed", "total_rows", "calls", "duration_sec", "flagged")
    assert [figures[name] for name in shown] == [5, 2, 3, 50, 7, 1.235, {"high is highest": 1}]


def test_an_update_has_its_steps_besides() -> None:
    figures = replace(report(), steps=UpdateSteps((), (SESSION,), (), AUDIT, SAMPLE)).as_dict()
    assert tuple(figures) == (*FIGURES, "lists", "bulk", "looked_back", "audit", "sample")
    assert json.loads(json.dumps(figures))["bulk"][0] == {
        "exchange": "US",
        "session": "2024-05-06",
        "calls": 100,
        "rows": 9,
        "stored": 7,
        "absent": 1,
        "fetched_individually": 1,
    }
    assert figures["audit"] == {
        "assets": 3,
        "failed": 1,
        "inserted": 0,
        "revised": 2,
        "calls": 4,
        "withdrawn": 0,
    }
    assert figures["sample"] == {
        "assets": 20,
        "not_stored": 2,
        "unexplained": 1,
        "failed": 0,
        "calls": 40,
    }


def test_an_update_without_audit_and_sample_has_empty_ones() -> None:
    figures = replace(report(), steps=UpdateSteps()).as_dict()
    assert (figures["lists"], figures["bulk"]) == ([], [])
    assert (figures["audit"], figures["sample"]) == ({}, {})


def test_a_report_counts_its_notices_and_names_assets_by_reason() -> None:
    parked = Notice("B.US", "parked", "B.US: refused", 1)
    late = [Notice(code, "late", "no row of 2024-05-06", 7) for code in ("C.US", "A.US")]
    noticed = notices_of([late[1], parked, late[0]])
    figures = replace(report(), notices=noticed).as_dict()["notices"]
    assert json.loads(json.dumps(figures)) == {
        "counts": {"late": 7, "parked": 1},
        "assets": [
            {"symbol": "A.US", "reason": "late", "detail": "no row of 2024-05-06"},
            {"symbol": "C.US", "reason": "late", "detail": "no row of 2024-05-06"},
            {"symbol": "B.US", "reason": "parked", "detail": "B.US: refused"},
        ],
    }
    assert report().as_dict()["notices"] == {"counts": {}, "assets": []}


def test_a_report_says_how_the_run_ended() -> None:
    spent = QuotaSpent("no calls are left")
    ended, drained = replace(report(), ended_by=spent), replace(report(), drained_by="SIGTERM")
    assert [(each.is_cut_short, each.outcome) for each in (report(), ended, drained)] == [
        (False, "done"),
        (True, "ended early: no calls are left"),
        (True, "drained: SIGTERM"),
    ]


def test_a_report_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        report().synced = 1  # type: ignore[misc]


def test_the_audits_of_a_worker_s_passes_add_up() -> None:
    steps = UpdateSteps(audit=AUDIT) + UpdateSteps() + UpdateSteps(audit=AUDIT)
    assert steps.audit == AuditReport(assets=6, failed=2, inserted=0, revised=4, calls=8)


def test_only_a_pause_leaves_others_to_go_on() -> None:
    spent, refused = QuotaSpent("spent"), CredentialsRefused("401")
    assert UpdateSteps(ended_by=spent).as_paused() == UpdateSteps(paused_by=spent)
    assert UpdateSteps(ended_by=refused).as_paused() == UpdateSteps(ended_by=refused)
