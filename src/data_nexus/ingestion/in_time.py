"""Owns requests that a drain cuts short: while they wait, not while one is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from data_nexus.eodhd.requests import Request
from data_nexus.ingestion.attempts import Attempts, Trip

# How often a run that is to stop looks whether anything is under way still.
_LOOK_SEC = 0.05
Result = TypeVar("Result")


class Drained(Exception):
    """The run is to stop, and nothing is under way."""


async def fetch_in_time(
    attempts: Attempts,
    request: Request,
    decode: Callable[[bytes], Result],
    trip: Trip,
    wished: asyncio.Event,
    needed: int = 0,
) -> Result:
    """Ask until an answer comes; once a stop is `wished`, raise `Drained` instead of waiting.

    Nothing is asked for on a day that does not hold the calls `needed`.
    """

    async def read(body: bytes) -> Result:
        return decode(body)

    async def ask() -> Result:
        if needed:
            await attempts.require(needed)
        return await attempts.fetch(request, read, trip)

    if wished.is_set():
        raise Drained
    asking = asyncio.ensure_future(ask())
    wishing = asyncio.ensure_future(wished.wait())
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
