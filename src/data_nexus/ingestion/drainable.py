"""Owns the asking that a drain cuts short while it waits, never while a request is under way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from data_nexus.eodhd.requests import Request
from data_nexus.ingestion.attempts import Answer, Attempts, Read, Trip
from data_nexus.ingestion.engine import Drain

# How often a run that is to stop looks whether anything is under way still.
_LOOK_SEC = 0.05


class Drained(Exception):
    """The run is to stop, and nothing is under way."""


@dataclass(frozen=True, slots=True)
class Drainable:
    """The way to the vendor for a run that may be asked to stop.

    Nothing is asked for on a day that does not hold the calls `needed`.
    """

    attempts: Attempts
    drain: Drain
    needed: int = 0

    async def fetch(self, request: Request, read: Read[Answer], trip: Trip) -> Answer:
        """Return what `Attempts.fetch` returns; raise `Drained` when the run is to stop."""
        if self.drain.wished.is_set():
            raise Drained
        asking = asyncio.ensure_future(self._ask(request, read, trip))
        wishing = asyncio.ensure_future(self.drain.wished.wait())
        try:
            await asyncio.wait((asking, wishing), return_when=asyncio.FIRST_COMPLETED)
            while not (asking.done() or trip.is_waiting):
                await asyncio.wait((asking,), timeout=_LOOK_SEC)
            if not asking.done():
                raise Drained
            return await asking
        finally:
            asking.cancel()
            wishing.cancel()

    async def _ask(self, request: Request, read: Read[Answer], trip: Trip) -> Answer:
        if self.needed:
            await self.attempts.require(self.needed)
        return await self.attempts.fetch(request, read, trip)
