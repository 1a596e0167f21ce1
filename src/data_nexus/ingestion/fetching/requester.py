"""Owns the retries: the one place that asks again.

On its way a request passes the breaker of its endpoint (is the vendor up?), the breadth (may one
more be in flight?) and the ledger (is it paid for, and is it its turn?).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.backoff import Backoff
from data_nexus.domain.limits.breaker import Breaker, RetryBudget, admit, answered, failed
from data_nexus.domain.limits.concurrency import ConcurrencyLimit, decreased, increased
from data_nexus.eodhd.client import VendorClient
from data_nexus.eodhd.requests import Request, user_request
from data_nexus.errors import (
    AnswerTimedOut,
    ConnectionFailed,
    Fenced,
    NexusError,
    NotSent,
    Park,
    QuotaSpent,
    RateLimited,
    Retry,
    VendorFailed,
    VendorUnavailable,
)
from data_nexus.events import Observer, Retried, Waiting
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.fetching.usage import UsagePoll

_LONGEST_POSTPONEMENT = 12
_ROUND_SEC = 1.0
# So many times in a row may the breaker open before the vendor counts as unavailable.
_PATIENCE = 3
# A spent day is looked at again so often: calls may have been bought, or a refusal have been wrong.
_LOOK_AGAIN_SEC = 900.0
Answer = TypeVar("Answer")
Read = Callable[[bytes], Awaitable[Answer]]


@dataclass(slots=True)
class FetchState:
    """The way to one answer: what was sent for it, and whether it waits with nothing under way.

    `is_wanted` is asked before each request: False when the answer would be of no use any more.
    """

    is_wanted: Callable[[], bool] = lambda: True
    spent: list[Request] = field(default_factory=list)
    is_waiting: bool = True


@dataclass(slots=True)
class Requester:
    """Asks until an answer comes or the attempts are used up.

    `waits`: a spent day is slept through instead of ending the run, and a vendor out of reach is
    waited for, however long. `account_requests` are those that no asset is to be charged with.
    """

    client: VendorClient
    ledger: Ledger
    backoff: Backoff
    observe: Observer
    concurrency_limit: ConcurrencyLimit
    waits: bool = False
    breaker_sec: float = 30.0
    chance: random.Random = field(default_factory=random.Random)
    budget: RetryBudget = field(default_factory=RetryBudget)
    breakers: dict[Endpoint, Breaker] = field(init=False)
    retries: int = 0
    account_requests: list[Request] = field(default_factory=list)
    _count: UsagePoll = field(init=False)
    _in_flight: int = 0
    _room: asyncio.Condition = field(default_factory=asyncio.Condition)
    _resting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _rested_at: float = 0.0

    def __post_init__(self) -> None:
        self.breakers = defaultdict(lambda: Breaker(first_open_sec=self.breaker_sec))
        self._count = UsagePoll(self._ask_user, self.ledger, self.observe)

    def state(self) -> dict[str, Any]:
        """Return how it stands with the vendor, for people to read."""
        return {
            "in_flight": self._in_flight,
            "concurrency_limit": self.concurrency_limit.requests,
            "retries": self.retries,
            "retry_budget": round(self.budget.saved, 1),
            "breakers": {str(name): breaker.state for name, breaker in self.breakers.items()},
        }

    async def fetch(self, request: Request, read: Read[Answer], state: FetchState) -> Answer:
        """Return what `read` makes of the answer's body; `state` tells how far it has come.

        A `Retry`, from the wire or from `read`, uses up an attempt and a share of the retry
        budget. A rate limit pauses every worker and uses up neither, but an asset that meets it
        over and over fails in the end. Raises `QuotaSpent` for a spent day unless the run waits,
        and `Fenced` when the answer is not wanted any more.
        """
        attempt, postponed = 1, 0
        state.is_waiting = True
        while True:
            begun = time.monotonic()
            try:
                await self._count.keep()
                answer = await read(await self._send(request, state))
            except RateLimited as limit:
                state.is_waiting = True
                postponed += 1
                if postponed > _LONGEST_POSTPONEMENT:
                    raise
                await self.ledger.pause(limit.wait_sec)
            except QuotaSpent as refused:
                state.is_waiting = True
                await self._rest(refused, begun)
            except Park as unfit:
                unfit.request = request.text
                raise
            except Retry as error:
                state.is_waiting = True
                await self._wait_to_retry(request, error, attempt)
                attempt += 1
            else:
                if attempt == 1:
                    self.budget = self.budget.earn()
                return answer

    async def require(self, calls: int) -> None:
        """Return once the day holds so many calls; raise `QuotaSpent` if this run does not wait.

        Nothing is reserved: it is for those who had better not begin what they cannot finish.
        """
        while True:
            begun = time.monotonic()
            await self._count.keep()
            try:
                return await self.ledger.require(calls)
            except QuotaSpent as spent:
                await self._rest(spent, begun)

    async def calls_a_day(self) -> int | None:
        """Return how many calls a whole day has, extra ones included; None if that is unknown."""
        await self._count.keep()
        return await self.ledger.calls_a_day()

    async def _send(self, request: Request, state: FetchState) -> bytes:
        await self._pass_breaker(request.endpoint)
        async with self._in_breadth():
            slot = await self.ledger.admit(request.calls)
            if not state.is_wanted():
                # A machine that slept wakes up here: the lease went while its turn came.
                await self.ledger.refund(slot)
                raise Fenced(f"{request.subject}: the lease may have run out")
            state.is_waiting = False
            state.spent.append(request)
            self._count.calls += request.calls
            try:
                body = await self.client.fetch(request)
            except NotSent:
                state.spent.pop()
                await self.ledger.refund(slot)
                self._note_trouble(request.endpoint, reached=False)
                raise
            except (ConnectionFailed, AnswerTimedOut, VendorFailed) as error:
                self._note_trouble(request.endpoint, reached=True)
                if isinstance(error, AnswerTimedOut):
                    self.concurrency_limit = decreased(
                        self.concurrency_limit, time.monotonic(), _ROUND_SEC
                    )
                raise
            except RateLimited:
                self.concurrency_limit = decreased(
                    self.concurrency_limit, time.monotonic(), _ROUND_SEC
                )
                raise
            except NexusError:
                self._note_answer(request.endpoint)
                raise
            finally:
                await self._learn_the_minute()
        self._note_answer(request.endpoint)
        self.concurrency_limit = increased(self.concurrency_limit)
        return body

    async def _rest(self, spent: QuotaSpent, begun: float) -> None:
        """Note a 402; sleep through a spent day if this run waits, all requests together."""
        if spent.resets_at is None:
            # The next admission says when there will be calls again.
            await self.ledger.note_exhausted()
            return
        if not self.waits:
            raise spent
        async with self._resting:
            if begun < self._rested_at:
                return
            self.observe(Waiting("the daily quota", spent.resets_in_sec))
            await asyncio.sleep(min(spent.resets_in_sec, _LOOK_AGAIN_SEC))
            self._count.forget()
            self._rested_at = time.monotonic()

    async def _wait_to_retry(self, request: Request, error: Retry, attempt: int) -> None:
        if attempt >= self.backoff.attempts:
            raise error
        while True:
            self.budget, empty_sec = self.budget.spend(time.monotonic())
            if not empty_sec:
                break
            self.observe(Waiting("the vendor to recover (few retries are left)", empty_sec))
            await asyncio.sleep(empty_sec)
        self.retries += 1
        wait = self.backoff.wait_sec(attempt, self.chance.random())
        self.observe(Retried(request.subject, str(error), attempt, wait))
        await asyncio.sleep(wait)

    async def _pass_breaker(self, endpoint: Endpoint) -> None:
        while True:
            self.breakers[endpoint], wait = admit(self.breakers[endpoint], time.monotonic())
            if not wait:
                return
            times = self.breakers[endpoint].times_opened
            if times > _PATIENCE and not self.waits:
                raise VendorUnavailable(f"{endpoint}: no usable answer after {times} pauses")
            self.observe(Waiting("the vendor to recover", wait))
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _in_breadth(self) -> AsyncIterator[None]:
        async with self._room:
            await self._room.wait_for(lambda: self._in_flight < self.concurrency_limit.requests)
            self._in_flight += 1
        try:
            yield
        finally:
            async with self._room:
                self._in_flight -= 1
                self._room.notify_all()

    def _note_trouble(self, endpoint: Endpoint, *, reached: bool) -> None:
        self.breakers[endpoint] = failed(
            self.breakers[endpoint], time.monotonic(), self.chance.random(), reached=reached
        )

    def _note_answer(self, endpoint: Endpoint) -> None:
        self.breakers[endpoint] = answered(self.breakers[endpoint], time.monotonic())

    async def _learn_the_minute(self) -> None:
        if self.client.minute is not None:
            await self.ledger.note_minute_limit(
                self.client.minute.limit, self.client.minute.remaining
            )

    async def _ask_user(self) -> bytes:
        return await self._send(user_request(), FetchState(spent=self.account_requests))


def concurrency_limit_of(concurrency: int) -> ConcurrencyLimit:
    """Return the breadth that a run starts with."""
    return replace(ConcurrencyLimit(concurrency), allowed=float(min(concurrency, 4)))
