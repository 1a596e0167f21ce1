"""A run that waits says what for: on a terminal by the second, in a log once, to others in status.

The commands run in a pseudo-terminal of 80 columns, and what they show is read as text.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from threading import Thread

import pytest

from tests.support.postgres.tables import add_assets, eventually, value
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes
from tests.system.conftest import Placed

SYMBOLS = 40
ROWS, COLUMNS = 24, 80
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Longer than any test: only a wait that is cut short ends in time.
PATIENT = {"grace_seconds": 10_000}


@pytest.fixture(scope="module")
def shared_vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=SYMBOLS, bars_per_symbol=10, clean=True, minute_limit=1_000_000) as vendor:
        yield vendor


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Iterator[Sandbox]:
    yield shared_vendor
    shared_vendor.delete("/faults")
    shared_vendor.post("/limits", {"daily": 100_000, "minute": 1_000_000, "used": 0})


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed, database_url: str) -> Commands:
    """Commands whose assets are known already."""
    add_assets(database_url, *codes(vendor))
    return commands_for(vendor)


@dataclass(slots=True)
class Terminal:
    """A command at work in a terminal, and how far a person has read what it shows."""

    child: subprocess.Popen[bytes]
    screen: int
    shown: bytearray = field(default_factory=bytearray)
    read_to: int = 0

    def watch(self) -> None:
        """Take in what is shown until nobody writes any more, as a screen does."""
        with suppress(OSError):  # so a terminal tells the end
            while part := os.read(self.screen, 65_536):
                self.shown += part

    @property
    def text(self) -> str:
        """All that was shown so far, without what moves and paints."""
        return CONTROL.sub("", self.shown.decode(errors="ignore"))

    def shows(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Read on until the pattern is seen; fail if it is not in time."""
        wanted = re.compile(pattern)
        eventually(lambda: wanted.search(self.text, self.read_to), seconds)
        found = wanted.search(self.text, self.read_to)
        assert found
        self.read_to = found.end()
        return found


@contextmanager
def terminal(commands: Commands, *arguments: str, **settings: object) -> Iterator[Terminal]:
    """Run `nexus` in a terminal; it is killed at the end of the block unless it has ended."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "data_nexus", *arguments],
        cwd=commands.folder,
        env={**commands.environment_with(settings), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as child:
        os.close(theirs)
        running = Terminal(child, ours)
        watching = Thread(target=running.watch)
        watching.start()
        try:
            yield running
        finally:
            child.kill()
            watching.join()
            os.close(ours)


@pytest.mark.parametrize("arguments", [("backfill", "--wait"), ("worker",)], ids=" ".join)
def test_the_terminal_shows_when_the_quota_resets_and_sigterm_ends_the_wait(
    commands: Commands, vendor: Sandbox, database_url: str, arguments: tuple[str, ...]
) -> None:
    since = len(vendor.log())
    vendor.post("/limits", {"daily": 500, "used": 500})
    with terminal(commands, *arguments, **PATIENT) as shown:
        shown.shows(r"waiting: quota resets in (\d+ h|\d+ min|\d+ s)")
        shown.child.send_signal(signal.SIGTERM)
        assert shown.child.wait(60) == 75
    assert "stopped by SIGTERM; run it again to continue" in " ".join(shown.text.split())
    assert {entry["endpoint"] for entry in vendor.log()[since:]} == {"user"}
    assert value(database_url, "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL") == 0


def test_the_terminal_counts_down_to_the_next_request_while_nothing_else_happens(
    commands: Commands, vendor: Sandbox
) -> None:
    vendor.post("/limits", {"minute": 2})
    with terminal(commands, "backfill", **PATIENT) as shown:
        pattern = r"waiting for the minute window \((\d+) s\)"
        seconds = [int(shown.shows(pattern)[1])]
        asked = len(vendor.log())
        while seconds[-1] > seconds[0] - 2:
            seconds.append(int(shown.shows(pattern)[1]))
        assert seconds == sorted(seconds, reverse=True)
        assert len(vendor.log()) == asked
        shown.child.send_signal(signal.SIGTERM)
        assert shown.child.wait(60) == 75


def test_the_log_tells_of_a_long_wait_once_at_its_beginning(
    commands: Commands, vendor: Sandbox
) -> None:
    vendor.post("/limits", {"daily": 500, "used": 500})
    with commands.running("backfill", "--wait", **PATIENT) as backfill:
        backfill.says("warning Waiting reason=the daily quota seconds=")
        backfill.signal(signal.SIGTERM)
        done = backfill.end()
    assert done.code == 75
    assert "Waiting" not in done.stderr


def test_a_vendor_out_of_reach_is_shown_in_the_worker_s_terminal_and_in_everybody_s_status(
    commands: Commands,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    nowhere = {**commands.environment, "EODHD_BASE_URL": f"http://127.0.0.1:{port}/api"}
    lost = replace(commands, environment=nowhere)
    with terminal(lost, "worker", lease_seconds=9, **PATIENT) as shown:
        shown.shows(r"waiting for the vendor to recover \(\d+ s\)")
        eventually(lambda: "eod open" in commands.run("status").stdout)
        page = commands.run("status", "--verbose").stdout
        shown.child.send_signal(signal.SIGTERM)
        assert shown.child.wait(60) == 75
    assert re.search(r"in flight +0 requests, \d allowed", page)
    assert re.search(r"requests sent +0\b", page)
    assert re.search(r"retries +\d, \d(\.\d)? more allowed now", page)
    assert "workers" not in commands.run("status").stdout
