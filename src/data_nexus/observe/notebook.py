"""Show in a notebook what a call is busy with: one output of its cell, redrawn in its place.

IPython is no requirement: where a notebook runs, it is loaded already.
"""

from __future__ import annotations

import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

Display = Callable[..., Any]
# What is shown now, by MIME type.
Draw = Callable[[], Mapping[str, str]]
_NOTHING = {"text/plain": "", "text/html": ""}


def notebook_display() -> Display | None:
    """Return what shows an output in the cell that is running; None outside of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if getattr(shell, "kernel", None) is None:
        return None
    display: Display = import_module("IPython.display").display
    return display


@contextmanager
def redrawn_output(display: Display, draw: Draw) -> Iterator[None]:
    """Show an output while the block runs, from its second second on; leave it empty."""
    # It loads rich, which only a display needs.
    from data_nexus.observe.waiting import AFTER_SEC, FRAMES_A_SEC  # noqa: PLC0415

    over = threading.Event()

    def redraw() -> None:
        if over.wait(AFTER_SEC):
            return
        last = draw()
        output = display(last, raw=True, display_id=True)
        while not over.wait(1 / FRAMES_A_SEC):
            if (now := draw()) != last:
                output.update(now, raw=True)
                last = now
        output.update(_NOTHING, raw=True)

    # In the block's context the kernel knows to which cell the output belongs.
    context = contextvars.copy_context()
    frames = threading.Thread(target=context.run, args=[redraw], name="progress", daemon=True)
    frames.start()
    try:
        yield
    finally:
        over.set()
        frames.join()


@contextmanager
def waiting_output(what: str) -> Iterator[None]:
    """Show in a notebook what the block is busy with, if that takes longer than a second."""
    if (display := notebook_display()) is None:
        yield
        return
    # As above.
    from data_nexus.observe.waiting import span  # noqa: PLC0415

    started = time.monotonic()

    def draw() -> Mapping[str, str]:
        return {"text/plain": f"{what} ({span(int(time.monotonic() - started))})"}

    with redrawn_output(display, draw):
        yield
