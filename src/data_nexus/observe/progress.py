"""Show the progress of a run on a terminal: assets done, rows, calls, and what it waits for."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from data_nexus.events import (
    Absent,
    ActionsFailed,
    ActionsRead,
    Committed,
    Draining,
    Event,
    Failed,
    LeaseLost,
    Observer,
    Parked,
    Requested,
    RunFinished,
    RunStarted,
    SessionAdvanced,
    Waiting,
    ignore,
)

_FRAMES_A_SEC = 4
_DAILY_QUOTA = "the daily quota"
# The longest time between the charge for a request and its sending.
_PAID_SEC = 300.0
_DISPLAYED = {Waiting.__name__, Draining.__name__}
_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(seconds: float) -> str:
    """Return a duration for people: `42 s`, `3 h 12 min`, `2 days 8 h`."""
    left = max(0, math.ceil(seconds))
    counts = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        counts.append((count, "days" if name == "day" and count > 1 else name))
    first = next((place for place, (count, _) in enumerate(counts) if count), len(counts) - 1)
    said = counts[first : first + 2]
    return " ".join(f"{count} {name}" for count, name in said if count) or "0 s"


@dataclass(frozen=True, slots=True)
class Wait:
    """A reported wait, in moments of the display's clock."""

    reason: str
    reported_at: float
    until: float


@dataclass(slots=True)
class Figures:
    """What a run has reported so far, as text for people; `clock` gives seconds.

    A wait is over when its time is. Several may run at once, since each request has its own slot;
    the run continues at the end of the first.
    """

    clock: Callable[[], float] = time.monotonic
    rows: int = 0
    calls: int = 0
    drained_by: str = ""
    is_over: bool = False
    waits: list[Wait] = field(default_factory=list)
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def note(self, event: Event) -> None:
        """Count one event."""
        now = self.clock()
        match event:
            case Committed(received=received):
                self.rows += received
            case SessionAdvanced(stored=stored):
                self.rows += stored
            case Requested(calls=calls, seconds=seconds):
                self.calls += calls
                self._drop(lambda wait: _is_cut_short(wait, sent_at=now - seconds))
            case Waiting(reason, seconds):
                self._drop(lambda wait: wait.until <= now)
                self.waits.append(Wait(reason, now, now + seconds))
            case Draining(reason):
                self.drained_by = reason
            case RunFinished():
                self.is_over = True
            case _:
                pass

    @property
    def delay(self) -> str:
        """What the run waits for now, and how long; empty when it is working, or over."""
        if self.is_over:
            return ""
        if self.drained_by:
            return f"{self.drained_by}: finishing requests in flight"
        now = self.clock()
        ahead = [wait for wait in self.waits if wait.until > now]
        if not ahead:
            return ""
        wait = min(ahead, key=lambda each: each.until)
        left = span(wait.until - now)
        if wait.reason == _DAILY_QUOTA:
            return f"waiting: quota resets in {left}"
        return f"waiting for {wait.reason} ({left})"

    def __str__(self) -> str:
        rate = self.rows / max(self.clock() - self.started, 0.001)
        pace = self.delay or f"{rate:,.0f} rows/s"
        return f"{pace} · {self.rows:,} rows · {self.calls:,} calls"

    def _drop(self, is_over: Callable[[Wait], bool]) -> None:
        self.waits = [wait for wait in self.waits if not is_over(wait)]


def _is_cut_short(wait: Wait, sent_at: float) -> bool:
    """Return whether a request was charged after the wait began: then there are calls again."""
    return wait.reason == _DAILY_QUOTA and sent_at > wait.reported_at + _PAID_SEC


class Distance(ProgressColumn):
    """Assets done, the total, and the time left at this pace."""

    def __init__(self, figures: Figures) -> None:
        super().__init__()
        self._figures = figures

    def render(self, task: Task) -> Text:
        """Draw the column."""
        done = f"{task.completed:,.0f}"
        if task.total is None:
            return Text(f"{done} assets")
        is_steady = not (self._figures.delay or self._figures.is_over)
        left = task.time_remaining if is_steady else None
        return Text(f"{done}/{task.total:,.0f} assets" + (f" · {span(left)} left" if left else ""))


class ProgressDisplay(Progress):
    """A bar, and below it a line of figures.

    Both are redrawn a few times a second, so that a wait counts down while nothing happens.
    """

    def __init__(self, console: Console, figures: Figures) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(30), Distance(figures))
        super().__init__(
            *columns, console=console, refresh_per_second=_FRAMES_A_SEC, redirect_stdout=False
        )
        self._figures = figures

    def get_renderables(self) -> Iterator[RenderableType]:
        """Draw the display."""
        yield self.make_tasks_table(self.tasks)
        if self.tasks:
            yield Text(str(self._figures))

    def show(self, event: Event) -> None:
        """Show one event."""
        self._figures.note(event)
        match event:
            case RunStarted(command, due):
                self.add_task(command, total=due or None)
            case (
                Committed()
                | Absent()
                | Failed()
                | LeaseLost()
                | Parked()
                | ActionsRead()
                | ActionsFailed()
            ):
                for task in self.task_ids:
                    self.advance(task)
            case SessionAdvanced(assets=assets):
                for task in self.task_ids:
                    self.advance(task, assets)
            case _:
                pass


@contextmanager
def progress_display(console: Console) -> Iterator[Observer]:
    """Show a progress display while the block runs, if the console is a terminal.

    Log lines appear above it, except those that repeat the display.
    """
    if not console.is_terminal:
        yield ignore
        return
    with ProgressDisplay(console, Figures()) as display, _logs_above():
        yield display.show


@contextmanager
def _logs_above() -> Iterator[None]:
    """Send log lines through the stderr that the display has installed."""
    handlers = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    before = [handler.stream for handler in handlers]
    for handler in handlers:
        handler.setStream(sys.stderr)
        handler.addFilter(_is_not_displayed)
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            handler.removeFilter(_is_not_displayed)
            handler.setStream(stream)


def _is_not_displayed(record: logging.LogRecord) -> bool:
    return record.msg not in _DISPLAYED
