"""Owns the retries: the one place that asks again, with full jitter and a shared pause."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from data_nexus.domain.backoff import Backoff
from data_nexus.eodhd.requests import Request
from data_nexus.errors import RateLimited, Retry
from data_nexus.events import Observer, Retried, Waiting

_LONGEST_POSTPONEMENT = 12


Answer = TypeVar("Answer")
Read = Callable[[bytes], Awaitable[Answer]]


class Fetch(Protocol):
    """What the retries need of the vendor's client."""

    async def fetch(self, request: Request) -> bytes:
        """Send one request once and return the answer's body."""
        ...


@dataclass(slots=True)
class Gate:
    """The pause that all of a run's requests share; a 429 closes it for as long as told."""

    observe: Observer
    not_before: float = 0.0

    async def passage(self) -> None:
        """Wait until requests may go out."""
        if (wait := self.not_before - time.monotonic()) > 0:
            await asyncio.sleep(wait)
            await self.passage()

    def close_for(self, seconds: float, reason: str) -> None:
        """Let nothing out for so long, unless it is closed for longer already."""
        until = time.monotonic() + seconds
        if until > self.not_before:
            self.not_before = until
            self.observe(Waiting(reason, seconds))


@dataclass(slots=True)
class Attempts:
    """Asks until an answer comes or the attempts are used up; counts what went over the wire."""

    client: Fetch
    gate: Gate
    backoff: Backoff
    observe: Observer
    chance: random.Random = field(default_factory=random.Random)

    async def fetch(self, request: Request, read: Read[Answer], spent: list[Request]) -> Answer:
        """Return what `read` makes of the answer's body; append to `spent` each request sent.

        A `Retry`, from the wire or from `read`, uses up an attempt; a rate limit closes the gate
        for the whole run and uses up none, but an asset that meets it over and over fails.
        """
        attempt, postponed = 1, 0
        while True:
            await self.gate.passage()
            spent.append(request)
            try:
                return await read(await self.client.fetch(request))
            except RateLimited as limit:
                postponed += 1
                if postponed > _LONGEST_POSTPONEMENT:
                    raise
                self.gate.close_for(limit.wait_sec, "the vendor's minute limit")
            except Retry as error:
                if attempt >= self.backoff.attempts:
                    raise
                wait = self.backoff.wait_sec(attempt, self.chance.random())
                self.observe(Retried(request.subject, str(error), attempt, wait))
                attempt += 1
                await asyncio.sleep(wait)
