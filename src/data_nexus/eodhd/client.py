"""Send each request to the vendor once over HTTP, and return its answer or raise its error.

The token is revealed only inside `fetch`; foreign errors are translated here, and their text, which
contains the URL, is dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from data_nexus.config import Secret
from data_nexus.domain.endpoints import Endpoint
from data_nexus.eodhd.body import plain
from data_nexus.eodhd.connection.causes import NO_CONNECTION, cause_of
from data_nexus.eodhd.connection.resolver import ThreadResolver
from data_nexus.eodhd.refusals import refusal
from data_nexus.eodhd.requests import Request
from data_nexus.errors import (
    OUT_OF_FILES,
    AnswerTimedOut,
    AnswerTooLarge,
    BrokenAnswer,
    ConnectionFailed,
    NotSent,
    StorageUnavailable,
    out_of_files,
)
from data_nexus.events import Observer, Requested

_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "data-nexus"}
_CHUNK = 1 << 18
# No limit of a minute is believed beyond this: slots would coincide.
_MOST = 10_000_000
_REFUSAL_CAP = 1 << 20
_LONGEST_DATE = 64


@dataclass(frozen=True, slots=True)
class Wire:
    """How to reach the vendor, and the limits: deadlines in seconds, the cap in bytes.

    `proxy` is one for https: the request goes through it inside TLS. `first_connect_sec` is the
    deadline for connections until the first answer; None: as for all others.
    """

    base_url: str
    concurrency: int
    connect_sec: float
    answer_sec: float
    answer_cap: int
    proxy: str | None = None
    first_connect_sec: float | None = None

    def timeout(self, *, is_first: bool) -> aiohttp.ClientTimeout:
        """Return the deadlines of a request; `is_first`: none was answered yet."""
        sec = self.connect_sec
        if is_first and self.first_connect_sec is not None:
            sec = min(sec, self.first_connect_sec)
        # `connect` covers the look-up of the name as well; the wait for a free connection, too, but
        # there are as many as requests in flight.
        return aiohttp.ClientTimeout(total=self.answer_sec, connect=sec, sock_connect=sec)


@dataclass(frozen=True, slots=True)
class MinuteLimit:
    """An answer's headers about the minute: requests allowed, requests left."""

    limit: int
    remaining: int


class VendorClient:
    """The vendor's REST API; `minute` comes from the headers of the last answer.

    `answered_at` is when the last answer was given, by the vendor's clock; None if not said.
    """

    def __init__(self, wire: Wire, token: Secret, observe: Observer) -> None:
        self._wire = wire
        self._token = token
        self._observe = observe
        self.minute: MinuteLimit | None = None
        self.answered_at: datetime | None = None
        self._is_reached = False

    async def __aenter__(self) -> Self:
        wire = self._wire
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=wire.concurrency, resolver=ThreadResolver()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            proxy=wire.proxy,
            read_bufsize=_CHUNK,
            trust_env=False,
        )
        # aiohttp resends a GET that was dropped on a kept-alive connection, unasked: a paid call
        # would become two requests. No public option turns it off (ADR 0011); a test counts.
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def fetch(self, request: Request) -> bytes:
        """Send one request once and return the answer's body, complete and decompressed.

        Raises a `Retry` for what may pass, the error of `refusal` for a status other than 200, and
        `StorageUnavailable` if this process may open no connection.
        """
        started, status, size, is_sent = time.monotonic(), 0, 0, True
        try:
            status, headers, body = await self._send(request)
            size = len(body)
        except (NotSent, StorageUnavailable):
            is_sent = False
            raise
        finally:
            if is_sent:
                elapsed = time.monotonic() - started
                self._observe(Requested(request.endpoint, request.calls, elapsed, status, size))
        self.minute = minute_limit(headers) or self.minute
        self.answered_at = _moment(headers.get("Date", ""))
        encoding = headers.get("Content-Encoding", "").strip().lower()
        if status != 200:
            # Redacted before it is cut: a cut through the token would show half of it.
            words = self._token.redact(_words(body, encoding, request.name))
            raise refusal(status, headers, words.encode(), request.name, datetime.now(UTC))
        text = plain(body, encoding, self._wire.answer_cap, request.name)
        # Whatever the vendor repeats: past this line no text of its holds the token. Of a history
        # only excerpts and notices are kept, which are redacted as they are made; there are many.
        return text if request.endpoint is Endpoint.EOD else self._token.redact_body(text)

    async def _send(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        params = [*request.params, ("api_token", self._token.reveal())]
        url = f"{self._wire.base_url.rstrip('/')}{request.path}"
        subject = request.name
        try:
            target = URL(url, encoded=True).with_query(params)
            timeout = self._wire.timeout(is_first=not self._is_reached)
            async with self._session.get(target, allow_redirects=False, timeout=timeout) as answer:
                self._is_reached = True
                body = await self._read(answer, subject)
                return answer.status, dict(answer.headers), body
        except NO_CONNECTION as error:
            if isinstance(error, OSError) and error.errno in OUT_OF_FILES:
                raise out_of_files(subject) from None
            cause = cause_of(error, self._wire.proxy)
            raise NotSent(f"{subject}: no connection: {cause}", cause) from None
        except TimeoutError:
            raise AnswerTimedOut(f"{subject}: no complete answer in time") from None
        except aiohttp.ClientPayloadError:
            raise BrokenAnswer(f"{subject}: the answer was cut") from None
        except aiohttp.ClientResponseError:
            raise BrokenAnswer(f"{subject}: the answer is not readable HTTP") from None
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            reason = type(error).__name__
            raise ConnectionFailed(f"{subject}: connection failed ({reason})") from None

    async def _read(self, answer: aiohttp.ClientResponse, subject: str) -> bytes:
        cap = self._wire.answer_cap
        if (answer.content_length or 0) > cap:
            raise AnswerTooLarge(f"{subject}: {answer.content_length} bytes announced")
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > cap:
                raise AnswerTooLarge(f"{subject}: more than {cap} bytes")
        return bytes(body)


def minute_limit(headers: Mapping[str, str]) -> MinuteLimit | None:
    """Read the short-window headers; they count requests, not the daily calls."""
    limit, remaining = (_count(headers.get(f"X-RateLimit-{n}", "")) for n in ("Limit", "Remaining"))
    return MinuteLimit(limit, remaining) if limit and remaining is not None else None


def _count(text: str) -> int | None:
    """Return a header's number, at most `_MOST`; None for what is none."""
    if not (text.isascii() and text.isdecimal()):
        return None
    return _MOST if len(text) > len(str(_MOST)) else min(int(text), _MOST)


def _moment(text: str) -> datetime | None:
    """Return the moment of a `Date` header; None for what is none, or has no zone."""
    try:
        found = parsedate_to_datetime(text[:_LONGEST_DATE])
        return None if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _words(body: bytes, encoding: str, subject: str) -> str:
    """Return a refusal's text, empty if it cannot be read."""
    try:
        return plain(body, encoding, _REFUSAL_CAP, subject).decode("utf-8", "replace")
    except (BrokenAnswer, AnswerTooLarge):
        return ""
