"""Show a sign of life: what a command is busy with, once that takes longer than a second."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from rich.console import Console
from rich.text import Text

from data_nexus.observe.logs import logged_progress

FRAMES_A_SEC = 4
# A wait that is shorter needs no sign of life.
AFTER_SEC = 1.0
_EVERY_SEC = 10.0
# Into a pipe or a file, as of cron, what is done within a minute needs no word.
_PIPE_SEC = 60.0
_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


class SteadyConsole(Console):
    """A console whose displays leave the cursor as it is.

    A process that is killed could not show it again.
    """

    def show_cursor(self, show: bool = True) -> bool:  # noqa: FBT001, FBT002 - as rich has it
        """Do nothing."""
        del show
        return False


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


def can_redraw(console: Console) -> bool:
    """Return whether a display can be drawn again in its place."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def waiting_display(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Show what the block is busy with, from its second second on; yield how to change that.

    On a terminal a line is redrawn, and is gone at the end; lines of the log appear above it. A
    terminal that cannot do that gets a line now and then, a pipe or a file one a minute.
    """
    started, now_at = time.monotonic(), [what]

    def text() -> str:
        return f"{now_at[0]} ({span(math.floor(time.monotonic() - started))})"

    def change(what: str) -> None:
        now_at[0] = what

    show = _redrawn if can_redraw(console) else repeated
    with show(console, text):
        yield change


@contextmanager
def repeated(console: Console, text: Callable[[], str]) -> Iterator[None]:
    """Print a text now and then while the block runs: where nothing can be redrawn."""
    over = threading.Event()
    is_terminal = console.is_terminal

    def repeat() -> None:
        pause = AFTER_SEC if is_terminal else _PIPE_SEC
        while not over.wait(pause):
            # What cannot be written does not end the work.
            with suppress(OSError, ValueError):
                if not logged_progress(said := text()):
                    console.file.write(f"{said}\n")
                    console.file.flush()
            pause = _EVERY_SEC if is_terminal else _PIPE_SEC

    lines = threading.Thread(target=repeat, name="sign of life", daemon=True)
    lines.start()
    try:
        yield
    finally:
        over.set()
        lines.join()


@contextmanager
def _redrawn(console: Console, text: Callable[[], str]) -> Iterator[None]:
    """Show a text on one place while the block runs, if that takes longer than a second."""
    # Only a screen needs them.
    from rich.live import Live  # noqa: PLC0415
    from rich.spinner import Spinner  # noqa: PLC0415

    spinner = Spinner("dots")

    def frame() -> Spinner:
        spinner.update(text=Text(text()))
        return spinner

    live = Live(
        console=console,
        get_renderable=frame,
        refresh_per_second=FRAMES_A_SEC,
        redirect_stdout=False,
        transient=True,
    )
    with ExitStack() as stack:

        def begin() -> None:
            live.start(refresh=True)
            stack.enter_context(logs_above(frozenset()))

        timer = threading.Timer(AFTER_SEC, begin)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            stack.close()
            live.stop()


@contextmanager
def logs_above(displayed: frozenset[str]) -> Iterator[None]:
    """Send log lines through the stderr that a display has installed, but those it displays."""
    handlers = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    before = [handler.stream for handler in handlers]

    def is_not_displayed(record: logging.LogRecord) -> bool:
        return record.msg not in displayed

    for handler in handlers:
        handler.setStream(sys.stderr)
        handler.addFilter(is_not_displayed)
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            handler.removeFilter(is_not_displayed)
            handler.setStream(stream)
