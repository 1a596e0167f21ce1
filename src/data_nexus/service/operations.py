"""Answer a monitor over HTTP: `/metrics`, `/health` and `/ready`.

The database is read in a thread, at most every few seconds and for at most a hundredth of the time;
who asks in between gets what was read last. A database that does not answer delays no answer for
longer than a moment.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from prometheus_client import generate_latest

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.measures.measures import measure
from data_nexus.database.upgrade import check_schema
from data_nexus.errors import NexusError, StorageUnavailable
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.observe.gauges import DatabaseGauges, Reading
from data_nexus.observe.metrics import EventMetrics
from data_nexus.service.rounds import Rounds

# Names the text format: what every Prometheus reads.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# The age at which a reading is renewed: so old, and so many times as long as it took.
LEAST_AGE_SEC, _AGE_BY_DURATION = 5.0, 100.0
# A monitor waits for ten seconds.
_PATIENCE_SEC = 5.0
# A loop that goes round every few seconds, and has not for so long, has stopped.
_LONGEST_ROUND_SEC, _POLLS_A_ROUND = 300.0, 10.0
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Result = TypeVar("Result")


@dataclass(slots=True)
class Operations:
    """What a monitor is told of this process and of the database of `url`.

    `rounds` are of the loop that must not stop, if there is one; `drain` is that of the process.
    """

    settings: Settings
    url: str
    metrics: EventMetrics
    rounds: Rounds | None = None
    drain: Drain | None = None
    _gauges: DatabaseGauges = field(default_factory=DatabaseGauges)
    _due_at: float = 0.0
    _reading: asyncio.Task[Reading] | None = None

    def __post_init__(self) -> None:
        self.metrics.registry.register(self._gauges)

    async def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format, whether the database is there or not."""
        if time.monotonic() >= self._due_at:
            await self._read()
        return generate_latest(self.metrics.registry)

    async def unready(self) -> str | None:
        """Return why work cannot be done now: no database, or not with this version's tables."""
        if self.drain is not None and self.drain.reason is not None:
            return f"draining: {self.drain.reason}"
        check = asyncio.to_thread(check_schema, self.url, self.settings.schema)
        try:
            await _soon(asyncio.ensure_future(check))
        except NexusError as error:
            return self._redacted(str(error))
        return None

    def stopped(self) -> str | None:
        """Return why this process does not do its work any more, None if it does."""
        age = None if self.rounds is None else self.rounds.age_sec
        longest = max(_LONGEST_ROUND_SEC, _POLLS_A_ROUND * self.settings.poll_seconds)
        if age is None or age < longest:
            return None
        return f"no round for {age:,.0f} s: restart it"

    async def _read(self) -> None:
        """Renew the gauges; of all who ask at once, one reads."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self._take_reading))
            self._reading.add_done_callback(self._have_read)
        try:
            self._gauges.reading = await _soon(self._reading)
        except StorageUnavailable:
            # It goes on: the next who asks may have what it brings.
            self._gauges.reading = Reading(measures=None, seconds=_PATIENCE_SEC)

    def _have_read(self, done: asyncio.Task[Reading]) -> None:
        self._reading = None
        if not (done.cancelled() or done.exception()):
            self._gauges.reading = done.result()
            age = max(LEAST_AGE_SEC, _AGE_BY_DURATION * done.result().seconds)
            self._due_at = time.monotonic() + age

    def _take_reading(self) -> Reading:
        begun = time.monotonic()
        try:
            found = measure(PostgresConnection(self.url, self.settings.schema), self.settings)
        except NexusError:
            found = None
        seconds = time.monotonic() - begun
        try:
            disk = shutil.disk_usage(self.settings.home)
        except OSError:
            return Reading(measures=found, seconds=seconds)
        return Reading(measures=found, seconds=seconds, disk_free=disk.free, disk_size=disk.total)

    def _redacted(self, text: str) -> str:
        token = self.settings.token
        return token.redact(text) if token else text


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
    told = {state: reason is None} | ({"reason": reason} if reason else {}) | more
    return web.json_response(told, status=503 if reason else 200, headers=_HEADERS)


async def _soon(work: asyncio.Future[Result]) -> Result:
    """Return what work in a thread brings; raise `StorageUnavailable` if it takes too long."""
    try:
        return await asyncio.wait_for(asyncio.shield(work), _PATIENCE_SEC)
    except TimeoutError:
        raise StorageUnavailable(
            f"the database has not answered within {_PATIENCE_SEC:g} s: look at its load"
        ) from None
