"""Show the progress of a run: assets done, rows, calls, and what it waits for."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from data_nexus.domain.texts import counted
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
from data_nexus.observe.notebook import notebook_display, redrawn_output
from data_nexus.observe.waiting import (
    AFTER_SEC,
    FRAMES_A_SEC,
    SteadyConsole,
    can_redraw,
    logs_above,
    repeated,
    span,
)

_FIRST = "opening the database, reading what is due"
_DAILY_QUOTA = "the daily quota"
# The longest time between the charge for a request and its sending.
_PAID_SEC = 300.0
_DISPLAYED = frozenset({Waiting.__name__, Draining.__name__})
_ADVANCING = (Committed, Absent, Failed, LeaseLost, Parked, ActionsRead, ActionsFailed)


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
    command: str = ""
    due: int = 0
    done: int = 0
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
        self.done += _steps(event)
        match event:
            case RunStarted(command, due):
                self.command, self.due = command, due
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
        rate = self.rows / max(self.age, 0.001)
        pace = self.delay or f"{rate:,.0f} rows/s"
        return f"{pace} · {counted(self.rows, 'row')} · {counted(self.calls, 'call')}"

    @property
    def distance(self) -> str:
        """The assets done, and how many there are if that is known."""
        if not self.due:
            return counted(self.done, "asset")
        return f"{self.done:,}/{counted(self.due, 'asset')}"

    @property
    def age(self) -> float:
        """The seconds since the first figure."""
        return self.clock() - self.started

    def _drop(self, is_over: Callable[[Wait], bool]) -> None:
        self.waits = [wait for wait in self.waits if not is_over(wait)]


def _is_cut_short(wait: Wait, sent_at: float) -> bool:
    """Return whether a request was charged after the wait began: then there are calls again."""
    return wait.reason == _DAILY_QUOTA and sent_at > wait.reported_at + _PAID_SEC


def _steps(event: Event) -> int:
    """Return by how many assets an event brings a run forward."""
    if isinstance(event, SessionAdvanced):
        return event.assets
    return int(isinstance(event, _ADVANCING))


class Distance(ProgressColumn):
    """Assets done, the total, and the time left at this pace."""

    def __init__(self, figures: Figures) -> None:
        super().__init__()
        self._figures = figures

    def render(self, task: Task) -> Text:
        """Draw the column."""
        is_steady = not (self._figures.delay or self._figures.is_over)
        left = task.time_remaining if is_steady and task.total is not None else None
        return Text(self._figures.distance + (f" · {span(left)} left" if left else ""))


class ProgressDisplay(Progress):
    """A bar, and below it a line of figures; before the run has begun, what it waits for.

    Both are redrawn a few times a second, so that a wait counts down while nothing happens.
    """

    def __init__(self, console: Console, figures: Figures, first: str) -> None:
        self._figures = figures
        self._first = first
        self._is_over = False
        columns = (TextColumn("{task.description}", markup=False), BarColumn(30), Distance(figures))
        super().__init__(
            *columns, console=console, refresh_per_second=FRAMES_A_SEC, redirect_stdout=False
        )

    def get_renderables(self) -> Iterator[RenderableType]:
        """Draw the display."""
        if self.tasks:
            yield self.make_tasks_table(self.tasks)
            yield Text(str(self._figures))
        elif not self._is_over and self._figures.age > AFTER_SEC:
            yield Text(_beginning(self._figures, self._first))

    def stop(self) -> None:
        """Leave the bar and the last figures on the screen."""
        self._is_over = True
        super().stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        self._figures.note(event)
        if isinstance(event, RunStarted):
            self.add_task(event.command, total=event.due or None)
        for task in self.task_ids:
            self.advance(task, _steps(event))


@contextmanager
def progress_display(console: Console, first: str = _FIRST) -> Iterator[Observer]:
    """Show a progress display while the block runs; `first` is what a run does before it begins.

    Log lines appear above it, except those that repeat the display. Where nothing can be redrawn,
    a line is printed now and then: into a pipe or a file one a minute.
    """
    figures = Figures()
    if not can_redraw(console):
        with repeated(console, lambda: _line(figures, first)):
            yield figures.note
        return
    with ProgressDisplay(console, figures, first) as display, logs_above(_DISPLAYED):
        yield display.show


@contextmanager
def call_progress(*, progress: bool | None, first: str = _FIRST) -> Iterator[Observer]:
    """Show the progress of a call from Python: in a notebook, elsewhere only if asked (True).

    In a notebook it is an output of the cell, which is empty at the end; elsewhere it goes to
    stderr. False shows nothing anywhere.
    """
    display = None if progress is False else notebook_display()
    if display is not None:
        figures = Figures()
        with redrawn_output(display, lambda: _output(figures, first)):
            yield figures.note
    elif progress:
        with progress_display(SteadyConsole(stderr=True), first) as observe:
            yield observe
    else:
        yield ignore


def _output(figures: Figures, first: str) -> Mapping[str, str]:
    """Return what a notebook shows: a bar, if it is known how much there is, and a line."""
    line = _line(figures, first)
    bar = f'<progress max="{figures.due}" value="{figures.done}"></progress> '
    shown = f"<div>{bar if figures.due else ''}{html.escape(line)}</div>"
    return {"text/plain": line, "text/html": shown}


def _line(figures: Figures, first: str) -> str:
    if not figures.command:
        return _beginning(figures, first)
    return f"{figures.command}: {figures.distance} · {figures}"


def _beginning(figures: Figures, first: str) -> str:
    """Return what a run that has not begun is busy with."""
    asked = f" · {counted(figures.calls, 'call')}" if figures.calls else ""
    return f"{figures.delay or first} ({span(math.floor(figures.age))}){asked}"
