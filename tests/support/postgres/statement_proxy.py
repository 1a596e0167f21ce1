"""A proxy before PostgreSQL that has one session ended by an operator, at a chosen statement.

The server listens on a Unix socket, the proxy on a port of 127.0.0.1. It counts the statements that
clients send over all their connections, BEGIN and COMMIT included, and lets the server end the
session of the one whose turn it is: `pg_terminate_backend`. Synchronous, in threads of its own, so
that the test may wait for the client.

A statement is what makes the server answer: a simple Query, the Sync behind an extended one (which
has no effect before it), and the CopyDone behind the rows of a COPY. Those that write are of kinds,
told by their text; the COMMIT of a transaction that wrote is of its last statement's kind.
"""

from __future__ import annotations

import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO

import psycopg
from psycopg.conninfo import conninfo_to_dict

_STATEMENTS = frozenset(b"QSc")
_COMMIT, _INSIDE = "COMMIT of: ", "inside: "
_ROWS = "rows of a COPY"
_NO_SQL = re.compile(r"--.*|'[^']*'|FOR (NO KEY )?UPDATE")
_WRITES = re.compile(r"(?<!ON COMMIT )\b(INSERT|UPDATE|DELETE|COPY|MERGE|TRUNCATE)\b")
# The server is ready for more: for the next statement, or for the rows of a COPY.
_READY = frozenset(b"ZG")
_SESSION_KEY = ord("K")
_PATIENCE_SEC = 20.0


class Cut(Enum):
    """When a session ends; its client is told that an administrator ended it."""

    BEFORE = "before it is done"
    AFTER = "after it is done and before its answer"


@dataclass(frozen=True, slots=True)
class Place:
    """The statement number `at` of a kind, or of all, and the way in which its session ends."""

    at: int
    cut: Cut
    kind: str = ""


NOWHERE = Place(0, Cut.BEFORE)


@dataclass(slots=True)
class StatementProxy:
    """A running proxy; `url` leads through it.

    The session of the statement at a place ends; `words` is that statement as it was sent, empty
    until then. `kinds` are those of the statements so far, empty for one that only reads.
    """

    target: str
    place: Place
    url: str = ""
    words: bytes = b""
    kinds: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_struck(self) -> bool:
        """Whether the statement's turn has come."""
        return bool(self.words)

    def accept_from(self, listening: socket.socket) -> None:
        """Take connections until no more can come."""
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        where = conninfo_to_dict(self.target)
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(f"{where['host']}/.s.PGSQL.{where['port']}")
            asked = client.makefile("rb")
            server.sendall(_opening(asked))
            session = _Session(server, client)
            answering = threading.Thread(target=session.pass_answers_on, daemon=True)
            answering.start()
            self._pass_statements_on(asked, session)
            server.shutdown(socket.SHUT_WR)
            answering.join()

    def _pass_statements_on(self, asked: BinaryIO, session: _Session) -> None:
        words, transaction = b"", _Transaction()
        while message := _message(asked):
            words += message
            if message[0] in _STATEMENTS:
                kind = transaction.kind_of(_text(words))
                if self._is_its_turn(kind):
                    self.words = words
                    self._strike(message, session)
                    return
                words = b""
            session.server.sendall(message)

    def _is_its_turn(self, kind: str) -> bool:
        with self._lock:
            self.kinds.append(kind)
            counted = self.kinds.count(kind) if self.place.kind else len(self.kinds)
            return self.place.kind in ("", kind) and counted == self.place.at

    def _strike(self, message: bytes, session: _Session) -> None:
        if self.place.cut is Cut.AFTER:
            session.keep_next_answer(message)
        with psycopg.connect(self.target, autocommit=True) as operator:
            query = "SELECT pg_terminate_backend(%s, %s)"
            ended = operator.execute(query, [session.pid, int(_PATIENCE_SEC * 1000)])
            assert ended.fetchone() == (True,)


@dataclass(slots=True)
class _Transaction:
    """Where one session is: inside a transaction or not, and what that has written last."""

    _is_open: bool = False
    _wrote: str = ""

    def kind_of(self, text: str) -> str:
        """The kind of the session's next statement."""
        if text == "BEGIN":
            self._is_open, self._wrote = True, ""
        elif text == "COMMIT":
            self._is_open = False
            return self._wrote and _COMMIT + self._wrote
        elif kind := _kind(text):
            self._wrote = kind
            return _INSIDE * self._is_open + kind
        return ""


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
def proxy_that_cuts(url: str, place: Place = NOWHERE) -> Iterator[StatementProxy]:
    """Yield a proxy before the database of `url`, whose server has a Unix socket."""
    where = conninfo_to_dict(url)
    proxy = StatementProxy(url, place)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        proxy.url = (
            f"postgresql://{where['user']}@127.0.0.1:{port}/{where['dbname']}"
            "?sslmode=disable&gssencmode=disable"
        )
        threading.Thread(target=proxy.accept_from, args=(listening,), daemon=True).start()
        yield proxy
        listening.shutdown(socket.SHUT_RDWR)


def is_commit(kind: str) -> bool:
    """Whether statements of the kind end a transaction that wrote."""
    return kind.startswith(_COMMIT)


def stands_alone(kind: str) -> bool:
    """Whether statements of the kind are done by themselves: no COMMIT follows."""
    return not kind.startswith((_COMMIT, _INSIDE))


def firsts_and_lasts(kinds: Sequence[str]) -> list[tuple[str, int]]:
    """Each kind of statements that write, with the number of its first and of its last."""
    found = Counter(filter(None, kinds))
    return [(kind, at) for kind, last in found.items() for at in sorted({1, last})]


def _text(words: bytes) -> str:
    """The SQL of a statement, which is always sent with it."""
    if words[:1] in b"dc":
        return _ROWS
    return words[5:].split(b"\0")[words[:1] == b"P"].decode(errors="backslashreplace")


def _kind(text: str) -> str:
    """What a statement that writes says of itself in its first line."""
    writes = text == _ROWS or _WRITES.search(_NO_SQL.sub("", text))
    return text.strip().partition("\n")[0] if writes else ""


def _opening(stream: BinaryIO) -> bytes:
    """The first message of a connection, the only one without a letter before its length."""
    length = stream.read(4)
    return length + stream.read(int.from_bytes(length) - 4)


def _message(stream: BinaryIO) -> bytes:
    """The next message: a letter, a length, the rest; empty at the end."""
    head = stream.read(5)
    return head + stream.read(int.from_bytes(head[1:]) - 4) if len(head) == 5 else b""
