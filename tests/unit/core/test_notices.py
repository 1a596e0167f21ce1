"""Notices on a terminal: each reason is counted, some assets are named, and no text is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_nexus.cli.load.report import NOTHING_DUE, notice_lines, print_run
from data_nexus.domain.planning.notices import NO_NOTICES, NOTICE_OF_SUSPICION, Notice, notices_of
from data_nexus.domain.planning.suspicion import Reason
from data_nexus.ingestion.reports.run_totals import RunTotals

PARKED = Notice("ODD.US", "parked", "ODD.US: not an eod answer: missing 'close' " + "x" * 120, 1)


def late(count: int) -> list[Notice]:
    """The notices of as many assets whose newest row is late."""
    return [Notice(f"L{n:02}.US", "late", "no row of 2024-05-06", count) for n in range(count)]


def test_nothing_is_printed_of_a_run_that_brought_everything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_run(RunTotals(synced=1, received=1).report(1.0))
    quiet = capsys.readouterr().out
    assert [*notice_lines(NO_NOTICES)] == []
    print_run(replace(RunTotals(synced=1, received=1).report(1.0), notices=notices_of(late(1))))
    assert capsys.readouterr().out.removeprefix(quiet) == (
        "not brought, or no longer sent: 1 late\n  late: L00.US: no row of 2024-05-06\n"
    )


def test_ten_assets_are_named_and_the_others_counted() -> None:
    lines = [*notice_lines(notices_of([late(12)[0], PARKED, *late(12)[1:]]))]
    assert lines[0] == "not brought, or no longer sent: 12 late, 1 parked"
    assert lines[1:10] == [f"  late: L{n:02}.US: no row of 2024-05-06" for n in range(9)]
    assert lines[10:] == [
        f"  parked: ODD.US: {PARKED.detail}",
        "  … and 3 more: nexus status --json",
    ]


def test_a_run_with_nothing_due_prints_its_notices_as_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_run(replace(RunTotals().report(1.0), notices=notices_of([PARKED])))
    printed = capsys.readouterr().out
    assert printed.startswith(f"{NOTHING_DUE}\nnot brought, or no longer sent: 1 parked\n")
    assert PARKED.detail in printed, "no value is cut, nor is a line of a pipe"


def test_each_suspicion_has_a_notice_but_the_one_that_a_rejected_row_says() -> None:
    assert set(Reason) - NOTICE_OF_SUSPICION.keys() == {Reason.REJECTED}
