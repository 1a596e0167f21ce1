"""Processes that are forked from one that has loaded a command's modules already.

A start costs a hundredth of a second instead of one. The child is a process of its own: with its
arguments, environment, folder and streams, and signals do to it what they do to any other.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired
from typing import IO, Any

from tests.support.programs.fork_server import LENGTH, STATUS
from tests.support.source import ROOT


class Child:
    """A forked command, as `subprocess.Popen` shows one: its streams are pipes of text."""

    def __init__(self, arguments: Sequence[str], pid: int, pipes: list[int], status: int) -> None:
        self.args = arguments
        self.pid = pid
        self.returncode: int | None = None
        self.stdin: IO[str] = open(pipes[0], "w", encoding="utf-8")  # noqa: SIM115, PTH123
        self.stdout: IO[str] = open(pipes[1], encoding="utf-8")  # noqa: SIM115, PTH123
        self.stderr: IO[str] = open(pipes[2], encoding="utf-8")  # noqa: SIM115, PTH123
        self._status = status

    def poll(self) -> int | None:
        """The exit code, None as long as it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has ended."""
        code = self._ended(timeout)
        if code is None:
            raise TimeoutExpired(list(self.args), timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it still says on stdout and on stderr, and its end."""
        said: dict[str, str] = {}

        def listen(name: str, stream: IO[str]) -> None:
            said[name] = stream.read()

        self.stdin.close()
        readers = [
            threading.Thread(target=listen, args=(name, stream), daemon=True)
            for name, stream in (("stdout", self.stdout), ("stderr", self.stderr))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(timeout)
            if reader.is_alive():
                raise TimeoutExpired(list(self.args), timeout or 0)
        self.wait(timeout)
        return said["stdout"], said["stderr"]

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send it SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Kill it if it runs, and close what leads to it."""
        self.kill()
        self.wait(60)
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            (self.returncode,) = STATUS.unpack(os.read(self._status, STATUS.size))
            os.close(self._status)
        return self.returncode


@dataclass(slots=True)
class ForkServer:
    """The process that loads modules once, and forks commands that find them loaded."""

    modules: Sequence[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _channel: socket.socket | None = None

    def start(
        self, place: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> Child:
        """Start a command, `package.module:function`; the first one waits for the modules."""
        (theirs_in, stdin), (stdout, out), (stderr, err) = (os.pipe() for _ in range(3))
        order = {"place": place, "arguments": list(arguments), "folder": str(folder)}
        try:
            pid, status = self._ordered((theirs_in, out, err), order, environment)
        finally:
            for descriptor in (theirs_in, out, err):
                os.close(descriptor)
        return Child(arguments, pid, [stdin, stdout, stderr], status)

    def start_on(
        self,
        terminal: int,
        place: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
    ) -> Child:
        """Start a command with all its streams on a terminal; nothing comes through pipes."""
        order = {"place": place, "arguments": list(arguments), "folder": str(folder)}
        pid, status = self._ordered((terminal,) * 3, order, environment)
        nowhere = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
        return Child(arguments, pid, nowhere, status)

    def _ordered(
        self,
        streams: tuple[int, int, int],
        order: Mapping[str, Any],
        environment: Mapping[str, str],
    ) -> tuple[int, int]:
        """Have a child started on three streams; its pid, and a pipe for its exit status."""
        content = json.dumps({**order, "environment": dict(environment)}).encode()
        status, theirs = os.pipe()
        try:
            with self._lock:
                channel = self._channel or self._served()
                socket.send_fds(channel, [LENGTH.pack(len(content))], [*streams, theirs])
                channel.sendall(content)
                (pid,) = LENGTH.unpack(channel.recv(LENGTH.size))
        finally:
            os.close(theirs)
        return pid, status

    def _served(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        program = [sys.executable, "-P", str(Path(__file__).with_name("fork_server.py"))]
        server = subprocess.Popen(
            [*program, str(theirs.fileno()), str(ROOT), *self.modules],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self._channel = ours
        atexit.register(_end, server, ours)
        return ours


def _end(server: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    server.wait(60)


# One for all commands of this process.
FORKS = ForkServer(["tests.support.programs.loaded", "tests.support.programs.on_terminal"])
