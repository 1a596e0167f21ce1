"""A person at a terminal sees assets, rows, calls and what the run waits for; a pipe sees none."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from data_nexus.events import (
    Absent,
    ActionsRead,
    Committed,
    Draining,
    Event,
    Failed,
    Requested,
    Retried,
    RunExtended,
    RunFinished,
    RunStarted,
    Waiting,
)
from data_nexus.observe.logs import log_event, set_up_logs
from data_nexus.observe.progress import Figures, progress_display
from data_nexus.observe.waiting import span

MINUTE_WINDOW, DAILY_QUOTA = "the minute window", "the daily quota"


class Clock:
    """A clock that a test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def figures(*events: Event, clock: Clock | None = None) -> Figures:
    """The figures that have heard the events."""
    heard = Figures(clock or Clock())
    for event in events:
        heard.note(event)
    return heard


def requested(seconds: float = 0.1) -> Requested:
    return Requested("eod", 1, seconds, 200, 714)


def screen(page: io.StringIO, *, is_terminal: bool = True, width: int = 80) -> Console:
    """A console that writes to a page as to a terminal, whatever the tests run in."""
    environment = {"TERM": "xterm"}
    return Console(
        file=page,
        force_terminal=is_terminal,
        width=width,
        color_system=None,
        _environ=environment,
    )


def shown(*events: Event, is_terminal: bool = True, width: int = 80) -> str:
    """What a console shows of the events."""
    page = io.StringIO()
    console = screen(page, is_terminal=is_terminal, width=width)
    with progress_display(console) as tell:
        for event in events:
            tell(event)
    return page.getvalue()


def test_the_display_counts_assets_rows_and_calls() -> None:
    page = shown(
        RunStarted("backfill", 4000),
        requested(),
        Committed("AAPL.US", 1200, 1200, 0, 0, 0),
        requested(),
        Absent("NONE.US", "not listed", 1.0),
        Retried("MSFT.US", "cut", 1, 0.5),
        Failed("MSFT.US", "cut"),
    )
    assert "backfill" in page
    assert "3/4,000 assets" in page
    assert "rows/s · 1,200 rows · 2 calls" in page
    assert "waiting" not in page


def test_actions_that_bars_ask_for_lengthen_the_bar() -> None:
    commits = [Committed(f"S{number}.US", 1, 1, 0, 0, 0) for number in range(4)]
    page = shown(RunStarted("update", 4), *commits, RunExtended(3), ActionsRead("S0.US", 1, 0, 0))
    assert "5/7 assets" in page
    over = shown(RunStarted("update", 1), *commits)
    assert "4/4 assets" in over, "what comes on top, as an audit, is never more than all"


def test_a_worker_knows_no_end_and_shows_none() -> None:
    page = shown(RunStarted("worker", 0), Committed("AAPL.US", 1, 1, 0, 0, 0))
    assert "1 asset" in page
    assert "1 assets" not in page
    assert "left" not in page


@pytest.mark.parametrize("width", [80, 200])
def test_the_display_says_what_the_run_delay_on_a_narrow_terminal_too(width: int) -> None:
    page = shown(RunStarted("backfill", 4), Waiting("the vendor's minute limit", 30.0), width=width)
    assert "waiting for the vendor's minute limit (30 s) · 0 rows · 0 calls" in page


def test_a_wait_counts_down_and_ends_by_itself() -> None:
    clock = Clock()
    waiting = figures(Waiting(MINUTE_WINDOW, 42.0), clock=clock)
    assert waiting.delay == "waiting for the minute window (42 s)"
    clock.now += 41.5
    assert waiting.delay == "waiting for the minute window (1 s)"
    clock.now += 0.5
    assert waiting.delay == ""
    assert str(waiting) == "0 rows/s · 0 rows · 0 calls"


def test_a_spent_day_is_told_by_when_the_quota_resets() -> None:
    waits = 3 * 3600 + 12 * 60
    assert str(figures(Waiting(DAILY_QUOTA, waits))) == (
        "waiting: quota resets in 3 h 12 min · 0 rows · 0 calls"
    )


def test_of_several_waits_the_one_that_ends_first_is_told() -> None:
    told = [Waiting(DAILY_QUOTA, 9000), Waiting(MINUTE_WINDOW, 20), Waiting(MINUTE_WINDOW, 10)]
    clock = Clock()
    waiting = figures(*told, clock=clock)
    said = []
    for _ in range(3):
        said.append(waiting.delay)
        clock.now += 10
    assert said == [
        "waiting for the minute window (10 s)",
        "waiting for the minute window (10 s)",
        "waiting: quota resets in 2 h 29 min",
    ]


def test_the_last_figures_are_those_of_the_whole_run() -> None:
    clock = Clock()
    over = figures(Draining("SIGTERM"), Committed("AAPL.US", 90, 90, 0, 0, 0), clock=clock)
    clock.now += 9
    over.note(RunFinished("backfill", "drained: SIGTERM", 9.0))
    assert str(over) == "10 rows/s · 90 rows · 0 calls"


def test_a_request_that_cannot_have_been_paid_for_before_shows_that_there_are_calls_again() -> None:
    clock = Clock()
    waiting = figures(Waiting(DAILY_QUOTA, 9000), clock=clock)
    clock.now += 2
    waiting.note(requested())
    clock.now += 900
    waiting.note(requested(seconds=895.0))
    assert waiting.delay, "they went out on slots of before"
    waiting.note(requested())
    assert waiting.delay == ""


def test_the_display_says_that_the_run_is_draining_rather_than_waiting() -> None:
    page = shown(RunStarted("backfill", 4), Waiting(MINUTE_WINDOW, 30.0), Draining("SIGTERM"))
    assert "SIGTERM: finishing requests in flight · 0 rows" in page


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (59.5, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (3_601, "1 h"),
        (86_400, "1 day"),
        (201_601, "2 days 8 h"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_pipe_gets_nothing_of_it() -> None:
    committed = Committed("AAPL.US", 1, 1, 0, 0, 0)
    assert shown(RunStarted("backfill", 4), committed, is_terminal=False) == ""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the terminal shows of stderr, to which logs are sent meanwhile."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    page = io.StringIO()
    monkeypatch.setattr(sys, "stderr", page)
    set_up_logs("text", "warning", None)
    yield page
    root.handlers = before


def test_logs_stand_above_the_display_and_do_not_repeat_it(terminal: io.StringIO) -> None:
    """A line written into the display's own would tear it."""
    console = screen(terminal)
    with progress_display(console) as tell:
        tell(RunStarted("backfill", 4))
        log_event(Failed("MSFT.US", "cut"))
        log_event(Waiting(MINUTE_WINDOW, 30.0))
    log_event(Waiting(DAILY_QUOTA, 30.0))
    assert re.search(r"\x1b\[2K\S+ warning Failed symbol=MSFT.US reason=cut\n", terminal.getvalue())
    assert MINUTE_WINDOW not in terminal.getvalue()
    assert terminal.getvalue().endswith("warning Waiting reason=the daily quota seconds=30.0\n")
