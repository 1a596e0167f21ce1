"""Fetch answers from the vendor: the one place that retries.

Down the calls, one concern each: `fetch` (attempts and postponements), `_send_when_allowed` (the
circuit breaker, the concurrency limit), `_send_paid` (the quota ledger), the client (one request
on the wire).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from data_nexus.domain.limits.backoff import Backoff
from data_nexus.domain.limits.breaker import RetryBudget
from data_nexus.eodhd.client import VendorClient
from data_nexus.eodhd.requests import Request, user_request
from data_nexus.errors import (
    BrokenAnswer,
    Fenced,
    NotSent,
    Park,
    QuotaSpent,
    RateLimited,
    Retry,
    StorageUnavailable,
)
from data_nexus.events import Observer, Retried, Waiting
from data_nexus.ingestion.fetching.circuit_breakers import CircuitBreakers
from data_nexus.ingestion.fetching.concurrency_gate import ConcurrencyGate
from data_nexus.ingestion.fetching.daily_quota import DailyQuota
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.fetching.usage import UsagePoll

FEW_RETRIES = "the vendor to recover (few retries are left)"
_MOST_POSTPONEMENTS = 12
Decoded = TypeVar("Decoded")
Decoded_co = TypeVar("Decoded_co", covariant=True)
Decode = Callable[[bytes], Decoded]


@dataclass(frozen=True, slots=True)
class Answer(Generic[Decoded_co]):
    """An answer with status 200: what `decode` made of it, and the body as it was received."""

    decoded: Decoded_co
    body: bytes


@dataclass(slots=True)
class FetchState:
    """How far a fetch has come: the requests sent for it, and whether it waits, none under way.

    `begun` (monotonic) is when it began.
    `is_wanted` is asked before each request: False when the answer would be of no use any more.
    `rest` waits for a retry at least so many seconds while others go on, and returns False if there
    is none; None waits in place. `failed` receives each failure before it is tried again, and may
    raise what ends the fetch.
    """

    is_wanted: Callable[[], bool] = lambda: True
    rest: Callable[[float], Awaitable[bool]] | None = None
    failed: Callable[[Retry], Awaitable[None]] | None = None
    sent: list[Request] = field(default_factory=list)
    is_waiting: bool = True
    begun: float = field(default_factory=time.monotonic)

    @property
    def calls(self) -> int:
        """What the requests cost of the quota, in calls."""
        return sum(request.calls for request in self.sent)


async def never_again(error: Retry) -> None:
    """Fail at the first answer that cannot be read, for a fetch that only asks whether any can."""
    if isinstance(error, BrokenAnswer):
        raise error


class Fetches(Protocol):
    """Whatever fetches: a `Requester`, or one that a drain cuts short."""

    async def fetch(
        self, request: Request, decode: Decode[Decoded], state: FetchState
    ) -> Answer[Decoded]:
        """Return the answer, decoded; `state` says how far it has come."""


@dataclass(slots=True)
class Requester:
    """Fetches until an answer comes or the attempts are used up.

    `quota` is also what callers ask for the day's calls.
    """

    client: VendorClient
    ledger: Ledger
    backoff: Backoff
    observe: Observer
    gate: ConcurrencyGate
    breakers: CircuitBreakers
    waits: bool = False
    chance: random.Random = field(default_factory=random.Random)
    budget: RetryBudget = field(default_factory=RetryBudget)
    retries: int = 0
    requests: int = 0
    quota: DailyQuota = field(init=False)
    _decoding: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        usage = UsagePoll(
            lambda: self._send_when_allowed(user_request(), FetchState()), self.ledger, self.observe
        )
        self.quota = DailyQuota(self.ledger, usage, self.observe, self.waits)
        self.breakers.recovered = self._note_recovery

    def state(self) -> dict[str, Any]:
        """Return how the worker stands with the vendor, as `nexus status` shows it."""
        return {
            "requests": self.requests,
            "in_flight": self.gate.in_flight,
            "concurrency_limit": self.gate.limit.requests,
            "retries": self.retries,
            "retry_budget": round(self.budget.saved, 1),
            "breakers": self.breakers.states(),
        }

    async def fetch(
        self, request: Request, decode: Decode[Decoded], state: FetchState
    ) -> Answer[Decoded]:
        """Return the answer, decoded; `state` says how far it has come.

        A `Retry`, from the wire or from `decode`, uses up an attempt and a share of the retry
        budget. A rate limit pauses every worker and uses up neither, but an asset that meets it
        over and over fails in the end. Raises `QuotaSpent` for a spent day unless the run waits,
        and `Fenced` when the answer is not wanted any more.
        """
        attempt, postponed = 1, 0
        while True:
            state.is_waiting, begun = True, time.monotonic()
            try:
                await self.quota.usage.keep()
                body = await self._send_when_allowed(request, state)
                answer = Answer(await _decoded(body, decode, self._decoding), body)
            except RateLimited as limit:
                state.is_waiting = True
                postponed += 1
                if postponed > _MOST_POSTPONEMENTS:
                    raise
                await self.ledger.pause(limit.wait_sec)
            except QuotaSpent as spent:
                state.is_waiting = True
                await self.quota.wait(spent, begun)
            except Park as unfit:
                unfit.request = request.text
                raise
            except Retry as error:
                state.is_waiting = True
                self._note_attempt(attempt, is_sent=not isinstance(error, NotSent))
                await self._wait_to_retry(request, error, attempt, state)
                attempt += 1
            else:
                self._note_attempt(attempt)
                return answer

    def spend_retry(self) -> float:
        """Take one retry of the budget: 0 if there was one, else the seconds until there is."""
        self.budget, empty_sec = self.budget.spend(time.monotonic())
        return empty_sec

    def _note_recovery(self) -> None:
        self.gate.restore()
        self.budget = self.budget.refilled()

    def _note_attempt(self, attempt: int, *, is_sent: bool = True) -> None:
        if attempt == 1 and is_sent:
            self.budget = self.budget.earn()

    async def _send_when_allowed(self, request: Request, state: FetchState) -> bytes:
        await self.breakers.admit(request.endpoint)
        async with self.gate.passing():
            return await self._send_paid(request, state)

    async def _send_paid(self, request: Request, state: FetchState) -> bytes:
        slot = await self.ledger.admit(request.calls)
        if not state.is_wanted():
            # A machine that slept wakes up here: the lease expired while its turn came.
            await self.ledger.refund(slot)
            raise Fenced(f"{request.name}: the lease may have run out")
        state.is_waiting = False
        state.sent.append(request)
        self.requests += 1
        self.quota.usage.calls += request.calls
        is_sent = True
        try:
            with self.breakers.watch(request.endpoint):
                try:
                    return await self.client.fetch(request)
                except (NotSent, StorageUnavailable):
                    is_sent = False
                    raise
        finally:
            if not is_sent:
                state.sent.pop()
                self.requests -= 1
                await self.ledger.refund(slot)
            if self.client.minute is not None:
                minute = self.client.minute
                await self.ledger.note_minute_limit(
                    minute.limit, minute.remaining, slot.minute_limit
                )

    async def _wait_to_retry(
        self, request: Request, error: Retry, attempt: int, state: FetchState
    ) -> None:
        if attempt >= self.backoff.attempts:
            raise error
        if state.failed:
            await state.failed(error)
        wait = self.backoff.wait_sec(attempt, self.chance.random())
        if not await (state.rest or self._rest)(wait):
            raise error
        self.retries += 1
        self.observe(Retried(request.name, str(error), attempt, wait))

    async def _rest(self, seconds: float) -> bool:
        """Wait for a retry in place."""
        while empty_sec := self.spend_retry():
            self.observe(Waiting(FEW_RETRIES, empty_sec))
            await asyncio.sleep(empty_sec)
        await asyncio.sleep(seconds)
        return True


async def _decoded(body: bytes, decode: Decode[Decoded], alone: asyncio.Lock) -> Decoded:
    async with alone:
        try:
            return decode(body)
        except Park as unfit:
            unfit.status, unfit.body = 200, body
            raise
        finally:
            # Else the answers that arrived together keep the loop so busy that the writers'
            # sockets starve while PostgreSQL waits for rows.
            await asyncio.sleep(0)
