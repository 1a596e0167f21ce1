"""Owns the progress display of a run on a terminal: how far it has come, and what it waits for."""

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
# A request may be sent so long after it was paid for.
_PAID_SEC = 300.0
_DISPLAYED = {Waiting.__name__, Draining.__name__}
_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(seconds: float) -> str:
    """Return a length of time as a person says it: `42 s`, `3 h 12 min`, `2 days 8 h`."""
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
    """What was told of a wait, with moments of the display's clock."""

    reason: str
    reported_at: float
    until: float


@dataclass(slots=True)
class Figures:
    """What a run has told so far, in words for a person; `clock` gives seconds.

    A wait ends by itself when its time is over. Several may run at once, for each request has its
    own slot; the one that ends first is what the run goes on with.
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
        """Take in one event."""
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
        """What the run waits for now, and how long still; empty when it is at work, or over."""
        if self.is_over:
            return ""
        if self.drained_by:
            return f"{self.drained_by}: finishing what is under way"
        now = self.clock()
        ahead = [wait for wait in self.waits if wait.until > now]
        if not ahead:
            return ""
        wait = min(ahead, key=lambda told: told.until)
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
    """Whether a request was not paid for before the wait: then there are calls again."""
    return wait.reason == _DAILY_QUOTA and sent_at > wait.reported_at + _PAID_SEC


class Distance(ProgressColumn):
    """How many assets are done, of how many, and the time that the others take at this pace."""

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

    Both are drawn anew a few times a second, so that a wait counts down while nothing happens.
    """

    def __init__(self, console: Console, figures: Figures) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(30), Distance(figures))
        super().__init__(
            *columns, console=console, refresh_per_second=_FRAMES_A_SEC, redirect_stdout=False
        )
        self._figures = figures

    def get_renderables(self) -> Iterator[RenderableType]:
        """Draw the display."""
        yield self.make_tasks_table(self.tasks)
        if self.tasks:
            yield Text(str(self._figures))

    def tell(self, event: Event) -> None:
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

    Log lines appear above it meanwhile, but for those that would say the same as the display.
    """
    if not console.is_terminal:
        yield ignore
        return
    with ProgressDisplay(console, Figures()) as display, _logs_above():
        yield display.tell


@contextmanager
def _logs_above() -> Iterator[None]:
    """Let what is logged to the terminal pass through the stderr that the display has put there."""
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
