"""Answer a monitor over HTTP: `/metrics`, `/health` and `/ready`.

The database is read in a thread, at most every few seconds and for at most a hundredth of the time;
who asks in between gets what was read last. A database that does not answer delays no answer for
longer than a moment.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from prometheus_client import generate_latest

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.measures.measures import measure
from data_nexus.database.upgrade import check_schema
from data_nexus.errors import NexusError
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.observe.gauges import DatabaseGauges, Reading
from data_nexus.observe.metrics import EventMetrics
from data_nexus.service.rounds import Rounds

# Names the text format: what every Prometheus reads.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The age at which a reading is renewed: so old, so many times as long as it took, never older.
_LEAST_AGE_SEC, _AGE_BY_DURATION, _MOST_AGE_SEC = 5.0, 100.0, 300.0
# A loop that goes round every few seconds, and has not for so long, has stopped.
_LONGEST_ROUND_SEC, _POLLS_A_ROUND = 300.0, 10.0
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Result = TypeVar("Result")


@dataclass(slots=True)
class Operations:
    """What a monitor learns of this process and of the database of `url`.

    `rounds` are of the loop that must not stop, if there is one; `drain` is that of the process.
    No answer waits for the database longer than `patience_sec`.
    """

    settings: Settings
    url: str
    metrics: EventMetrics
    rounds: Rounds | None = None
    drain: Drain | None = None
    patience_sec: float = 5.0
    _gauges: DatabaseGauges = field(default_factory=DatabaseGauges)
    _due_at: float = 0.0
    _reading: asyncio.Future[Reading] | None = None
    _check: asyncio.Future[str | None] | None = None
    # Apart from the engine's: one that waits for a database that is away must not be in its way.
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="monitor")
    )

    def __post_init__(self) -> None:
        self.metrics.registry.register(self._gauges)

    async def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format, whether the database is there or not."""
        if time.monotonic() >= self._due_at:
            await self._renew()
        return generate_latest(self.metrics.registry)

    async def unready(self) -> str | None:
        """Return why work cannot be done now: no database, or not with this version's tables."""
        if self.drain is not None and self.drain.reason is not None:
            return f"draining: {self.drain.reason}"
        if self._check is None or self._check.done():
            self._check = self._in_thread(self._trouble)
        try:
            return await self._soon(self._check)
        except TimeoutError:
            return f"the database has not answered within {self.patience_sec:g} s"

    def stopped(self) -> str | None:
        """Return why this process does not do its work any more, None if it does."""
        age = None if self.rounds is None else self.rounds.age_sec
        longest = max(_LONGEST_ROUND_SEC, _POLLS_A_ROUND * self.settings.poll_seconds)
        if age is None or age < longest:
            return None
        return f"no round for {age:,.0f} s: restart it"

    async def _renew(self) -> None:
        """Read the gauges again; of all who ask at once, one reads."""
        if self._reading is None:
            self._reading = self._in_thread(self._read)
            self._reading.add_done_callback(self._have_read)
        try:
            await self._soon(self._reading)
        except TimeoutError:
            # It goes on: whoever asks next may have what it brings.
            self._gauges.reading = Reading(measures=None, seconds=self.patience_sec)

    def _have_read(self, done: asyncio.Future[Reading]) -> None:
        self._reading = None
        if not (done.cancelled() or done.exception()):
            self._gauges.reading = done.result()
            self._due_at = time.monotonic() + renewed_after_sec(done.result())

    def _read(self) -> Reading:
        begun = time.monotonic()
        found = None
        with suppress(NexusError):
            found = measure(PostgresConnection(self.url, self.settings.schema), self.settings)
        seconds = time.monotonic() - begun
        try:
            disk = shutil.disk_usage(self.settings.home)
        except OSError:
            return Reading(measures=found, seconds=seconds)
        return Reading(measures=found, seconds=seconds, disk_free=disk.free, disk_size=disk.total)

    def _trouble(self) -> str | None:
        token = self.settings.token
        try:
            check_schema(self.url, self.settings.schema)
        except NexusError as error:
            return token.redact(str(error)) if token else str(error)
        return None

    def _in_thread(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _soon(self, work: asyncio.Future[Result]) -> Result:
        return await asyncio.wait_for(asyncio.shield(work), self.patience_sec)


def renewed_after_sec(reading: Reading) -> float:
    """Return how old a reading may become: soon a database that is away is looked at again."""
    if reading.measures is None:
        return _LEAST_AGE_SEC
    return min(max(_LEAST_AGE_SEC, _AGE_BY_DURATION * reading.seconds), _MOST_AGE_SEC)


def add_operations(application: web.Application, operations: Operations) -> None:
    """Add `/metrics`, `/health` and `/ready` to an application; they change nothing."""

    async def metrics(_: web.Request) -> web.Response:
        body = await operations.exposition()
        return web.Response(body=body, headers=_HEADERS | {"Content-Type": CONTENT_TYPE})

    async def health(_: web.Request) -> web.Response:
        age = None if operations.rounds is None else operations.rounds.age_sec
        last = {} if age is None else {"last_round_sec": round(age, 1)}
        return _answer("alive", operations.stopped(), last)

    async def ready(_: web.Request) -> web.Response:
        return _answer("ready", await operations.unready(), {})

    application.router.add_get("/metrics", metrics)
    application.router.add_get("/health", health)
    application.router.add_get("/ready", ready)


def _answer(state: str, reason: str | None, more: dict[str, float]) -> web.Response:
    found = {state: reason is None} | ({"reason": reason} if reason else {}) | more
    return web.json_response(found, status=503 if reason else 200, headers=_HEADERS)
