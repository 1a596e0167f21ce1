"""Owns a proxy before PostgreSQL that has one session ended by an operator, at a chosen statement.

The server listens on a Unix socket, the proxy on a port of 127.0.0.1. It counts the statements that
clients send over all their connections, BEGIN and COMMIT included, and lets the server end the
session of the one whose turn it is: `pg_terminate_backend`. Synchronous, in threads of its own, so
that the test may wait for the client.

A statement is what makes the server answer: a simple Query, the Sync behind an extended one (which
has no effect before it), and the CopyDone behind the rows of a COPY.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO

import psycopg
from psycopg.conninfo import conninfo_to_dict

_STATEMENTS = frozenset(b"QSc")
# The server is ready for more: for the next statement, or for the rows of a COPY.
_READY = frozenset(b"ZG")
_SESSION_KEY = ord("K")
_PATIENCE_SEC = 20.0


class Cut(Enum):
    """When a session ends; its client is told that an administrator ended it."""

    BEFORE = "before it is done"
    AFTER = "after it is done and before its answer"


@dataclass(slots=True)
class StatementProxy:
    """A running proxy; `url` leads through it.

    The session of the statement number `at` ends; `words` is that statement as it was sent, empty
    until then.
    """

    target: str
    at: int
    cut: Cut
    url: str = ""
    words: bytes = b""
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_struck(self) -> bool:
        """Whether the statement's turn has come."""
        return self._count >= self.at

    def accept_from(self, listening: socket.socket) -> None:
        """Take connections until no more can come."""
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        place = conninfo_to_dict(self.target)
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(f"{place['host']}/.s.PGSQL.{place['port']}")
            asked = client.makefile("rb")
            server.sendall(_opening(asked))
            session = _Session(server, client)
            answering = threading.Thread(target=session.pass_answers_on, daemon=True)
            answering.start()
            self._pass_statements_on(asked, session)
            server.shutdown(socket.SHUT_WR)
            answering.join()

    def _pass_statements_on(self, asked: BinaryIO, session: _Session) -> None:
        words = b""
        while message := _message(asked):
            words += message
            if message[0] in _STATEMENTS:
                if self._is_its_turn():
                    self.words = words
                    self._strike(message, session)
                    return
                words = b""
            session.server.sendall(message)

    def _is_its_turn(self) -> bool:
        with self._lock:
            self._count += 1
            return self._count == self.at

    def _strike(self, message: bytes, session: _Session) -> None:
        if self.cut is Cut.AFTER:
            session.keep_next_answer(message)
        with psycopg.connect(self.target, autocommit=True) as operator:
            query = "SELECT pg_terminate_backend(%s, %s)"
            ended = operator.execute(query, [session.pid, int(_PATIENCE_SEC * 1000)])
            assert ended.fetchone() == (True,)


@dataclass(slots=True)
class _Session:
    """One client's session at the server."""

    server: socket.socket
    client: socket.socket
    pid: int = 0
    _keeps: bool = False
    _kept: threading.Event = field(default_factory=threading.Event)

    def pass_answers_on(self) -> None:
        with self.client, suppress(OSError):
            said = self.server.makefile("rb")
            while message := _message(said):
                if message[0] == _SESSION_KEY:
                    self.pid = int.from_bytes(message[5:9])
                if not self._keeps:
                    self.client.sendall(message)
                elif message[0] in _READY:
                    self._keeps = False
                    self._kept.set()

    def keep_next_answer(self, message: bytes) -> None:
        """Have a statement done, and keep its answer from the client."""
        self._keeps = True
        self.server.sendall(message)
        assert self._kept.wait(_PATIENCE_SEC), "the server did not answer"


@contextmanager
def proxy_that_cuts(url: str, at: int, cut: Cut) -> Iterator[StatementProxy]:
    """Yield a proxy before the database of `url`, whose server has a Unix socket."""
    place = conninfo_to_dict(url)
    proxy = StatementProxy(url, at, cut)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        proxy.url = (
            f"postgresql://{place['user']}@127.0.0.1:{port}/{place['dbname']}"
            "?sslmode=disable&gssencmode=disable"
        )
        threading.Thread(target=proxy.accept_from, args=(listening,), daemon=True).start()
        yield proxy
        listening.shutdown(socket.SHUT_RDWR)


def _opening(stream: BinaryIO) -> bytes:
    """The first message of a connection, the only one without a letter before its length."""
    length = stream.read(4)
    return length + stream.read(int.from_bytes(length) - 4)


def _message(stream: BinaryIO) -> bytes:
    """The next message: a letter, a length, the rest; empty at the end."""
    head = stream.read(5)
    return head + stream.read(int.from_bytes(head[1:]) - 4) if len(head) == 5 else b""
