"""`nexus` in a pseudo-terminal of a size: what a person sees, and how the terminal is left.

What is written to the terminal is kept as it came; its page is read as a person reads it.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.postgres.tables import eventually
from tests.support.programs.commands import Commands
from tests.support.programs.forks import FORKS, Child
from tests.support.programs.pages import page_of

_PATIENCE_SEC = 120.0
_NEXUS = "tests.support.programs.on_terminal:main"
# A shell of its own session, whose terminal is the one that it opens first.
_ON_TERMINAL = 'terminal=$0; exec "$@" <>"$terminal" >&0 2>&0'
_CURSOR = re.compile(rb"\x1b\[\?25([hl])")


@dataclass(frozen=True, slots=True)
class Size:
    """A terminal's columns and rows, and what the environment says of it."""

    columns: int
    rows: int
    environment: dict[str, str] = field(default_factory=lambda: {"TERM": "xterm-256color"})


@dataclass(frozen=True, slots=True)
class Left:
    """How a command left a terminal: its exit code, all it wrote, the modes before and after."""

    code: int
    raw: bytes
    before: list[Any]
    after: list[Any]

    @property
    def page(self) -> list[str]:
        """The lines that stand there in the end, those that have scrolled away included."""
        return page_of(self.raw).lines

    @property
    def column(self) -> int:
        """Where the next prompt begins."""
        return page_of(self.raw).column

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor is visible in the end."""
        found = _CURSOR.findall(self.raw)
        return not found or found[-1] == b"h"

    @property
    def keeps_modes(self) -> bool:
        """Whether the terminal echoes, edits and signals as before."""
        return self.before == self.after


@dataclass(slots=True)
class Terminal:
    """A command at work in a terminal."""

    child: Child | subprocess.Popen[bytes]
    ours: int
    theirs: int
    before: list[Any]
    raw: bytearray = field(default_factory=bytearray)
    watching: Thread = field(init=False)

    def __post_init__(self) -> None:
        self.watching = Thread(target=self._watch, daemon=True)
        self.watching.start()

    def type(self, keys: bytes) -> None:
        """Type keys; the byte 3 is Ctrl-C."""
        os.write(self.ours, keys)

    def shows(self, text: str) -> None:
        """Wait until a text stands somewhere on the page."""
        eventually(lambda: text in " ".join(" ".join(page_of(bytes(self.raw)).lines).split()), 60)

    def interrupt(self) -> None:
        """Send the command SIGINT, unless it has ended."""
        self.child.send_signal(signal.SIGINT)

    def end(self, timeout: float = _PATIENCE_SEC) -> Left:
        """Wait for the command's end, and take in all that it has written."""
        code = self.child.wait(timeout)
        after = termios.tcgetattr(self.theirs)
        os.close(self.theirs)
        self.theirs = -1
        self.watching.join(_PATIENCE_SEC)
        return Left(code, bytes(self.raw), self.before, after)

    def close(self) -> None:
        """Kill the command if it runs, and take the terminal away."""
        if isinstance(self.child, Child):
            self.child.close()
        else:
            self.child.kill()
            self.child.wait(_PATIENCE_SEC)
        if self.theirs >= 0:
            os.close(self.theirs)
        self.watching.join(_PATIENCE_SEC)
        os.close(self.ours)

    def _watch(self) -> None:
        with suppress(OSError):  # so a terminal tells the end
            while part := os.read(self.ours, 65_536):
                self.raw += part


@contextmanager
def started(
    commands: Commands, size: Size, *arguments: str, **settings: object
) -> Iterator[Terminal]:
    """Start `nexus` as a shell does, the keys of the terminal included: Ctrl-C reaches it."""
    environment = commands.environment_with(settings) | size.environment
    program = [sys.executable, "-m", "data_nexus", *arguments]
    with program_on(size, program, environment, commands.folder) as running:
        yield running


@contextmanager
def program_on(
    size: Size, program: list[str], environment: dict[str, str], folder: Path
) -> Iterator[Terminal]:
    """Start any program on a terminal of its own, a shell for example."""
    with _terminal(size) as (ours, theirs):
        before = termios.tcgetattr(theirs)
        child = subprocess.Popen(
            ["/bin/sh", "-c", _ON_TERMINAL, os.ttyname(theirs), *program],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        running = Terminal(child, ours, theirs, before)
        try:
            yield running
        finally:
            running.close()


@contextmanager
def forked_on(
    commands: Commands, size: Size, *arguments: str, **settings: object
) -> Iterator[Terminal]:
    """Start `nexus` on a terminal, forked: faster, but the terminal's keys send it no signal."""
    with _terminal(size) as (ours, theirs):
        environment = commands.environment_with(settings) | size.environment
        child = FORKS.start_on(theirs, _NEXUS, arguments, environment, commands.folder)
        running = Terminal(child, ours, theirs, termios.tcgetattr(theirs))
        try:
            yield running
        finally:
            running.close()


@contextmanager
def _terminal(size: Size) -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (size.rows, size.columns))
    yield ours, theirs
