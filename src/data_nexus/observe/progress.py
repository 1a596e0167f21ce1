"""Owns the progress display of a run on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from data_nexus.events import (
    Absent,
    Committed,
    Draining,
    Event,
    Failed,
    Observer,
    Parked,
    Requested,
    RunStarted,
    Waiting,
    ignore,
)


@dataclass(slots=True)
class ProgressDisplay:
    """Turns events into a progress bar."""

    progress: Progress
    rows: int = 0
    calls: int = 0
    started: float = field(default_factory=time.monotonic)
    waiting_until: float = 0.0
    waits_for: str = ""

    def tell(self, event: Event) -> None:
        """Show one event."""
        match event:
            case RunStarted(command, due):
                self.progress.add_task(command, total=due, said="")
            case Requested(_, calls):
                self.calls += calls
            case Committed(received=received):
                self.rows += received
                self._advance()
            case Absent() | Failed() | Parked():
                self._advance()
            case Waiting(reason, seconds):
                self.waits_for, self.waiting_until = reason, time.monotonic() + seconds
                self._say()
            case Draining(reason):
                self.progress.console.print(f"{reason}: finishing what is under way …")
            case _:
                pass

    def _advance(self) -> None:
        for task in self.progress.task_ids:
            self.progress.advance(task)
        self._say()

    def _say(self) -> None:
        left = self.waiting_until - time.monotonic()
        rate = self.rows / max(time.monotonic() - self.started, 0.001)
        said = f"{self.rows:,} rows · {rate:,.0f} rows/s · {self.calls:,} calls"
        if left > 0:
            said += f" · waits {left:.0f} s for {self.waits_for}"
        for task in self.progress.task_ids:
            self.progress.update(task, said=said)


@contextmanager
def progress_display(console: Console) -> Iterator[Observer]:
    """Show a progress bar while the block runs, if the console is a terminal."""
    if not console.is_terminal:
        yield ignore
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("assets · {task.fields[said]} ·"),
        TimeRemainingColumn(),
        console=console,
    )
    with progress:
        yield ProgressDisplay(progress).tell
