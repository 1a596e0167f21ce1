"""End fetching when a run is asked to stop: at once while it waits, else when it takes too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from data_nexus.eodhd.requests import Request
from data_nexus.errors import Park, Pause, Postpone, Retry
from data_nexus.events import Draining, Observer
from data_nexus.ingestion.fetching.requester import (
    Answer,
    Decode,
    Decoded,
    FetchState,
    Requester,
)

Result = TypeVar("Result")
# How often a run that is to stop checks whether a request is still under way.
_POLL_SEC = 0.05


@dataclass(slots=True)
class Drain:
    """The request that a run claims nothing more and finishes what is under way.

    `request` may be called at any time, from the event loop; `reason` is None until then.
    """

    observe: Observer
    reason: str | None = None
    requested: asyncio.Event = field(default_factory=asyncio.Event)

    def request(self, reason: str) -> None:
        """Ask the run to drain."""
        if self.reason is None:
            self.reason = reason
            self.observe(Draining(reason))
            self.requested.set()


async def unless_drained(drain: Drain, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Return what some work returns; None, and the work is ended, if the run is to stop first."""
    working = asyncio.ensure_future(work)
    draining = asyncio.ensure_future(drain.requested.wait())
    try:
        await asyncio.wait((working, draining), return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        working.cancel()
        draining.cancel()


class Drained(Exception):
    """The run is to stop: nothing is under way, or nothing that arrives in time."""

    def __str__(self) -> str:
        return "the run is to stop"


# Why a request brought nothing without ending the run: what it was for waits for another run.
NOT_FETCHED = (Drained, Retry, Postpone, Park, Pause)


@dataclass(frozen=True, slots=True)
class DrainableRequester:
    """A requester for a run that may be asked to stop.

    Then a request under way has `grace_sec` to be answered, and what waits for its turn ends at
    once; unless it `is_begun`, a part of what is paid for already: that has the grace, too. Nothing
    is fetched on a day that does not hold the calls `needed`.
    """

    requester: Requester
    drain: Drain
    grace_sec: float
    needed: int = 0
    is_begun: bool = False

    async def fetch(
        self, request: Request, decode: Decode[Decoded], state: FetchState
    ) -> Answer[Decoded]:
        """Return what `Requester.fetch` returns; raise `Drained` when the run is to stop."""
        if self.drain.requested.is_set() and not self.is_begun:
            raise Drained
        fetching = asyncio.ensure_future(self._fetch(request, decode, state))
        draining = asyncio.ensure_future(self.drain.requested.wait())
        try:
            await asyncio.wait((fetching, draining), return_when=asyncio.FIRST_COMPLETED)
            over_at = time.monotonic() + self.grace_sec
            while not fetching.done() and time.monotonic() < over_at:
                if state.is_waiting and not self.is_begun:
                    break
                await asyncio.wait((fetching,), timeout=_POLL_SEC)
            if not fetching.done():
                raise Drained
            return await fetching
        finally:
            fetching.cancel()
            draining.cancel()

    async def _fetch(
        self, request: Request, decode: Decode[Decoded], state: FetchState
    ) -> Answer[Decoded]:
        if self.needed:
            await self.requester.quota.require(self.needed)
        return await self.requester.fetch(request, decode, state)
