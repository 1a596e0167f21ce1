"""Owns the asking that a drain cuts short: at once while it waits, else when it takes too long."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from data_nexus.eodhd.requests import Request
from data_nexus.events import Draining, Observer
from data_nexus.ingestion.fetching.requester import Answer, FetchState, Read, Requester

# How often a run that is to stop looks whether anything is under way still.
_LOOK_SEC = 0.05


@dataclass(slots=True)
class Drain:
    """The wish that a run claims nothing more and finishes what is under way.

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


class Drained(Exception):
    """The run is to stop: nothing is under way, or nothing that comes in time."""

    def __str__(self) -> str:
        return "the run is to stop"


@dataclass(frozen=True, slots=True)
class DrainableRequester:
    """The way to the vendor for a run that may be asked to stop.

    Then a request under way has `grace_sec` to be answered, and what waits for its turn ends at
    once; unless it `is_begun`, a part of what is paid for already: that has the grace, too. Nothing
    is asked for on a day that does not hold the calls `needed`.
    """

    requester: Requester
    drain: Drain
    grace_sec: float
    needed: int = 0
    is_begun: bool = False

    async def fetch(self, request: Request, read: Read[Answer], state: FetchState) -> Answer:
        """Return what `Requester.fetch` returns; raise `Drained` when the run is to stop."""
        if self.drain.requested.is_set() and not self.is_begun:
            raise Drained
        asking = asyncio.ensure_future(self._ask(request, read, state))
        wishing = asyncio.ensure_future(self.drain.requested.wait())
        try:
            await asyncio.wait((asking, wishing), return_when=asyncio.FIRST_COMPLETED)
            over_at = time.monotonic() + self.grace_sec
            while not asking.done() and time.monotonic() < over_at:
                if state.is_waiting and not self.is_begun:
                    break
                await asyncio.wait((asking,), timeout=_LOOK_SEC)
            if not asking.done():
                raise Drained
            return await asking
        finally:
            asking.cancel()
            wishing.cancel()

    async def _ask(self, request: Request, read: Read[Answer], state: FetchState) -> Answer:
        if self.needed:
            await self.requester.require(self.needed)
        return await self.requester.fetch(request, read, state)
