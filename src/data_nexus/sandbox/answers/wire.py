"""Frame and send answers: values for answers and for bytes on the wire.

An answer is framed into plain bytes here rather than by aiohttp, so that a fault can cut, delay
or replace exactly the bytes of a faultless answer.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from enum import Enum, auto
from hashlib import sha256
from http import HTTPStatus
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from data_nexus.sandbox.answers.bodies import Rendered
from data_nexus.sandbox.answers.render import HTML, packed, unpacked
from data_nexus.sandbox.market.calendar import Days

Headers = tuple[tuple[str, str], ...]
CHUNK = 1 << 16
_POLL_SEC = 0.05


@dataclass(frozen=True, slots=True)
class Served:
    """What the request log shows of an answer: its rows, and their first and last date."""

    rows: int | None = None
    first: str | None = None
    last: str | None = None

    @classmethod
    def on(cls, days: Days) -> Self:
        """Rows of these dates, ascending."""
        if not len(days):
            return cls(0)
        return cls(len(days), str(days[0]), str(days[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The vendor's answer before framing: at least one of `plain` and `gzip` is set."""

    status: int = 200
    content_type: str = HTML
    headers: Headers = ()
    plain: bytes | None = None
    gzip: bytes | None = None
    sha256: str = ""
    size: int = 0
    served: Served = Served()

    @classmethod
    def of(
        cls,
        body: bytes,
        content_type: str = HTML,
        status: int = 200,
        served: Served = Served(),
    ) -> Self:
        """An answer with a body."""
        digest = sha256(body).hexdigest()
        return cls(
            status=status,
            content_type=content_type,
            plain=body,
            sha256=digest,
            size=len(body),
            served=served,
        )

    @classmethod
    def kept(cls, rendered: Rendered, content_type: str) -> Self:
        """An answer from a body that is kept compressed."""
        return cls(
            content_type=content_type,
            gzip=rendered.gzip,
            sha256=rendered.sha256,
            size=rendered.size,
            served=Served.on(rendered.date),
        )

    @property
    def body(self) -> bytes:
        """The body, not compressed."""
        return self.plain if self.plain is not None else unpacked(self.gzip or b"")

    def with_headers(self, headers: Headers) -> Self:
        """The answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))


class End(Enum):
    """What becomes of the connection after the bytes."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    HANG = auto()


@dataclass(frozen=True, slots=True)
class Wire:
    """Bytes for the wire: `prompt` of them at once, the rest in steps of `step`; then the end."""

    payload: bytes
    end: End = End.KEEP
    step: int = CHUNK
    pause_sec: float = 0.0
    end_after_sec: float = 0.0
    prompt: int = 0

    def pieces(self) -> Iterator[bytes]:
        """The payload in the pieces in which it is sent."""
        if self.prompt:
            yield self.payload[: self.prompt]
        for start in range(self.prompt, len(self.payload), self.step):
            yield self.payload[start : start + self.step]


def encoded(answer: Answer, *, gzip: bool) -> tuple[bytes, Headers]:
    """The body's bytes as sent, with the header of their encoding."""
    if not gzip or not answer.size:
        return answer.body, ()
    body = packed(answer.body) if answer.gzip is None else answer.gzip
    return body, (("Content-Encoding", "gzip"),)


def framed(answer: Answer, *, gzip: bool) -> Wire:
    """The answer as the vendor's nginx sends it: chunked, kept alive (recordings)."""
    body, encoding = encoded(answer, gzip=gzip)
    head = head_bytes(
        answer.status,
        (
            ("Content-Type", answer.content_type),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "keep-alive"),
            *encoding,
            *answer.headers,
        ),
    )
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b""
    return Wire(head + chunk + b"0\r\n\r\n")


def head_bytes(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """A status line and headers, the vendor's usual ones among them, up to the empty line."""
    lines = [
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}",
        "Server: nginx/1.19.10",
        f"Date: {formatdate(usegmt=True)}",
        "Cache-Control: no-cache, private",
        "Access-Control-Allow-Origin: *",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n"


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Sent(web.StreamResponse):
    """A response to aiohttp that puts a wire's bytes on the connection as they are."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        self._request: web.BaseRequest | None = None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open."""
        return self._wire.end is End.KEEP

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Start without writing anything of aiohttp's."""
        self._request = request
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - aiohttp's signature
        """Send all bytes, then end the connection as specified."""
        request = self._request
        transport = request.transport if request else None
        if request is None or transport is None:
            return
        for piece in self._wire.pieces():
            if transport.is_closing():
                return
            transport.write(piece)
            await request.writer.drain()
            if self._wire.pause_sec:
                await asyncio.sleep(self._wire.pause_sec)
        if self._wire.end is not End.KEEP:
            await self._finish(transport)

    async def _finish(self, transport: asyncio.Transport) -> None:
        await asyncio.sleep(self._wire.end_after_sec)
        while self._wire.end is End.HANG and not transport.is_closing():  # noqa: ASYNC110 - no event
            await asyncio.sleep(_POLL_SEC)
        if self._wire.end is End.RESET:
            await _drained(transport)
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()


async def _drained(transport: asyncio.Transport) -> None:
    """Wait until the kernel has all bytes: a reset would discard the others."""
    while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SEC)
