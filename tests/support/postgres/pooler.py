"""A pooler before PostgreSQL: one client's transactions go to one of two sessions in turn.

As a pooler of transactions does it, but always, and it can ignore the client's `options`. The
server listens on a Unix socket, the pooler on a port of 127.0.0.1.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from psycopg.conninfo import conninfo_to_dict

_LENGTH = struct.Struct("!I")
# The server is ready, and no transaction is open.
_IDLE = b"I"


@contextmanager
def pooler_before(url: str, *, switches: bool, keeps_options: bool) -> Iterator[str]:
    """Yield the URL of a pooler before the database of `url`.

    It `switches` to the other session after each transaction, or `keeps_options`, or both.
    """
    target = conninfo_to_dict(url)
    path = f"{target['host']}/.s.PGSQL.{target['port']}"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client = listening.accept()[0]
                    told = (client, path, 2 if switches else 1, keeps_options)
                    threading.Thread(target=_serve, args=told, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        port = listening.getsockname()[1]
        yield f"postgresql://{target['user']}@127.0.0.1:{port}/{target['dbname']}?sslmode=disable"
        listening.shutdown(socket.SHUT_RDWR)


def _serve(client: socket.socket, path: str, sessions: int, keeps_options: bool) -> None:  # noqa: FBT001
    """Answer one client out of several sessions, of which each gets a transaction in turn."""
    with client, suppress(OSError, EOFError):
        asked = client.makefile("rb")
        start = _exactly(asked, _LENGTH.unpack(_exactly(asked, 4))[0] - 4)
        if not keeps_options:
            start = _without_options(start)
        servers = [_session(path, start) for _ in range(sessions)]
        greeting = [_until_ready(server) for _, server in servers]
        client.sendall(greeting[0])
        at = 0
        try:
            while True:
                wire, answers = servers[at]
                wire.sendall(_request(asked))
                if (answer := _until_ready(answers))[-1:] == _IDLE:
                    at = (at + 1) % sessions
                client.sendall(answer)
        finally:
            for wire, answers in servers:
                answers.close()
                wire.close()
            asked.close()


def _session(path: str, start: bytes) -> tuple[socket.socket, BinaryIO]:
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(path)
    wire.sendall(_LENGTH.pack(len(start) + 4) + start)
    return wire, wire.makefile("rb")


def _without_options(start: bytes) -> bytes:
    parts = start[4:].split(b"\0")
    pairs = [(k, v) for k, v in zip(parts[::2], parts[1::2], strict=False) if k != b"options"]
    return start[:4] + b"".join(k + b"\0" + v + b"\0" for k, v in pairs if k) + b"\0"


def _request(asked: BinaryIO) -> bytes:
    """What a client sends up to where the server must answer: a Query or a Sync."""
    sent = b""
    while True:
        kind, body = _message(asked)
        sent += kind + body
        if kind == b"X":
            raise EOFError
        if kind in b"QS":
            return sent


def _until_ready(answers: BinaryIO) -> bytes:
    """What a server answers; its last byte says whether a transaction is open."""
    answer = b""
    while True:
        kind, body = _message(answers)
        answer += kind + body
        if kind == b"Z":
            return answer


def _message(stream: BinaryIO) -> tuple[bytes, bytes]:
    kind, length = _exactly(stream, 1), _exactly(stream, 4)
    return kind, length + _exactly(stream, _LENGTH.unpack(length)[0] - 4)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content
