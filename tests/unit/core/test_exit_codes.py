"""A run's exit code: what ended it counts more than what drained it, and both more than figures."""

from __future__ import annotations

import pytest

from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.errors import (
    ClocksDiffer,
    CredentialsRefused,
    NexusError,
    QuotaSpent,
    StorageUnavailable,
    VendorUnavailable,
)
from data_nexus.events import ActionsFailed, Failed, Requested
from data_nexus.ingestion.reports.run_totals import RunTotals

ENDED: list[tuple[NexusError | None, int | None]] = [
    (None, None),
    (QuotaSpent("spent"), 4),
    (CredentialsRefused("user: 401"), 5),
    (VendorUnavailable("down"), 6),
    (StorageUnavailable("gone"), 7),
    (ClocksDiffer("two days"), 7),
]
DRAINED = [(None, None), ("SIGTERM", 75), ("SIGINT", 130)]
FIGURES: list[tuple[dict[str, int], int]] = [
    ({}, 0),
    ({"synced": 3, "absent": 2}, 0),
    ({"failed": 1}, 3),
    ({"parked": 1}, 3),
    ({"actions_failed": 1}, 3),
]


@pytest.mark.parametrize(("ended_by", "ended"), ENDED)
@pytest.mark.parametrize(("drained_by", "drained"), DRAINED)
@pytest.mark.parametrize(("figures", "counted"), FIGURES)
def test_the_exit_code_is_that_of_the_gravest(
    ended_by: NexusError | None,
    ended: int | None,
    drained_by: str | None,
    drained: int | None,
    figures: dict[str, int],
    counted: int,
) -> None:
    report = RunTotals(**figures).report(1.0, ended_by, drained_by)  # type: ignore[arg-type]
    assert exit_code_of(report) == next(
        code for code in (ended, drained, counted) if code is not None
    )


def requested(status: int) -> Requested:
    return Requested("eod", 1, 0.1, status, 10)


@pytest.mark.parametrize("failure", [Failed("A.US", "no network"), ActionsFailed("A.US", "no")])
def test_a_run_that_nothing_answered_was_out_of_reach(failure: Failed | ActionsFailed) -> None:
    totals = RunTotals()
    assert totals.out_of_reach() is None
    totals.note(failure)
    out_of_reach = totals.out_of_reach()
    assert out_of_reach is not None
    assert failure.reason in str(out_of_reach)
    totals.note(requested(0))
    assert totals.out_of_reach() is not None, "a request without an answer"
    totals.note(requested(503))
    assert totals.out_of_reach() is None
