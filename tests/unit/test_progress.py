"""A person at a terminal sees assets, rows, calls and what the run waits for; a pipe sees none."""

from __future__ import annotations

import io

from rich.console import Console

from data_nexus.events import (
    Absent,
    Committed,
    Draining,
    Event,
    Failed,
    Requested,
    Retried,
    RunStarted,
    Waiting,
)
from data_nexus.observe.progress import progress_display


def shown(*events: Event, is_terminal: bool = True) -> str:
    """What a console shows of the events."""
    page = io.StringIO()
    console = Console(file=page, force_terminal=is_terminal, width=200, color_system=None)
    with progress_display(console) as tell:
        for event in events:
            tell(event)
    return page.getvalue()


def test_the_display_counts_assets_rows_and_calls() -> None:
    page = shown(
        RunStarted("backfill", 4),
        Requested("eod", 1, 0.1, 200, 714),
        Committed("AAPL.US", 1200, 1200, 0, 0, 0),
        Requested("eod", 1, 0.1, 404, 17),
        Absent("NONE.US", "not listed", 1.0),
        Retried("MSFT.US", "cut", 1, 0.5),
        Failed("MSFT.US", "cut"),
    )
    assert "backfill" in page
    assert "3/4 assets · 1,200 rows · " in page
    assert " · 2 calls ·" in page
    assert "waits" not in page


def test_the_display_says_what_the_run_waits_for() -> None:
    page = shown(RunStarted("backfill", 4), Waiting("the vendor's minute limit", 30.0))
    assert "waits 30 s for the vendor's minute limit" in page


def test_the_display_says_that_the_run_is_draining() -> None:
    assert "SIGTERM: finishing what is under way" in shown(
        RunStarted("backfill", 4), Draining("SIGTERM")
    )


def test_a_pipe_gets_nothing_of_it() -> None:
    committed = Committed("AAPL.US", 1, 1, 0, 0, 0)
    assert shown(RunStarted("backfill", 4), committed, is_terminal=False) == ""
