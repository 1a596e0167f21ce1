"""Attend to assets by turns: while one waits for its retry, its fetcher goes on with another.

A retry whose wait is over, and for which the budget has one, is taken before the next new asset;
the others wait without a fetcher. At the end of a walk they are waited for, those that the budget
does not pay for in time are given up.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from data_nexus.events import Observer, Waiting
from data_nexus.ingestion.fetching.requester import FEW_RETRIES

Rest = Callable[[float], Awaitable[bool]]
# As many may wait at once: with more, the budget is far behind, and what fails stays due.
_MOST_RESTING = 500
# How long retries that the budget does not pay are waited for at the end of a walk.
_PATIENCE_SEC = 30.0
_LEAST_WAIT_SEC = 0.01


@dataclass(slots=True, eq=False)
class Turn:
    """The work on one asset; a fetcher attends to it until it is done or rests."""

    work: asyncio.Task[None]
    stopped: asyncio.Future[None]
    resumed: asyncio.Future[bool]

    def stop(self) -> None:
        """Let the fetcher go that attends to it."""
        if not self.stopped.done():
            self.stopped.set_result(None)

    def resume(self, *, may_retry: bool) -> None:
        """Let the work go on: with its retry, or without any."""
        self.stopped = asyncio.get_running_loop().create_future()
        self.resumed.set_result(may_retry)


@dataclass(slots=True)
class Turns:
    """The turns of a walk along the queue.

    `spend` takes one retry of the budget, and returns 0 or the seconds until there is one. `over`
    are the events that end the walk.
    """

    spend: Callable[[], float]
    observe: Observer
    over: Sequence[asyncio.Event]
    patience_sec: float = _PATIENCE_SEC
    _resting: list[tuple[float, int, Turn]] = field(default_factory=list)
    _works: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: count[int] = field(default_factory=count)
    _given_up_at: float | None = None

    def begin(self, work: Callable[[Rest], Coroutine[Any, Any, None]]) -> Turn:
        """Begin the work on an asset; it rests by the function that it is given."""
        loop = asyncio.get_running_loop()

        async def rest(seconds: float) -> bool:
            return await self._rest(turn, seconds)

        task = loop.create_task(work(rest), name="asset")
        turn = Turn(task, loop.create_future(), loop.create_future())
        self._works.add(task)
        task.add_done_callback(lambda done: self._note_end(turn, done))
        return turn

    async def attend(self, turn: Turn) -> None:
        """Wait until the work is done or rests; raise what it raised."""
        try:
            await turn.stopped
        except asyncio.CancelledError:
            turn.work.cancel()
            raise
        if turn.work.done() and not turn.work.cancelled():
            turn.work.result()

    def take(self) -> Turn | None:
        """Return a turn whose wait is over and whose retry the budget pays, or None."""
        if self._next_at() > time.monotonic() or self.spend():
            return None
        return self._resumed(may_retry=True)

    async def last(self) -> Turn | None:
        """Return the next turn when no new asset is left; None when none rests or all is over."""
        if self._given_up_at is None:
            self._given_up_at = time.monotonic() + self.patience_sec
        while not any(event.is_set() for event in self.over):
            wait = self._next_at() - time.monotonic()
            if wait == float("inf"):
                return None
            if wait <= 0:
                wait = self.spend()
                if not wait:
                    return self._resumed(may_retry=True)
                if time.monotonic() + wait > self._given_up_at:
                    return self._resumed(may_retry=False)
                self.observe(Waiting(FEW_RETRIES, wait))
            await first_of(self.over, max(wait, _LEAST_WAIT_SEC))
        return None

    async def end(self) -> None:
        """End all work that is not done."""
        works = [*self._works]
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works)

    async def _rest(self, turn: Turn, seconds: float) -> bool:
        if len(self._resting) >= _MOST_RESTING:
            return False
        turn.resumed = asyncio.get_running_loop().create_future()
        entry = (time.monotonic() + seconds, next(self._numbers), turn)
        heapq.heappush(self._resting, entry)
        turn.stop()
        return await turn.resumed

    def _next_at(self) -> float:
        """Return when the wait of the first that rests is over; infinite if none rests."""
        while self._resting and self._resting[0][2].resumed.done():
            heapq.heappop(self._resting)
        return self._resting[0][0] if self._resting else float("inf")

    def _resumed(self, *, may_retry: bool) -> Turn:
        _, _, turn = heapq.heappop(self._resting)
        turn.resume(may_retry=may_retry)
        return turn

    def _note_end(self, turn: Turn, work: asyncio.Task[None]) -> None:
        self._works.discard(work)
        if not work.cancelled():
            work.exception()  # whoever attends to it raises it
        turn.stop()


async def first_of(events: Sequence[asyncio.Event], seconds: float | None = None) -> None:
    """Wait until one of the events happened, at most so many seconds, or for ever."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
