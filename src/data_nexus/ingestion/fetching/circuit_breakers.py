"""Keep requests from a vendor in trouble: one circuit breaker per endpoint.

Requests that wait for a breaker go on as soon as its probe is answered. A vendor to which no
connection was ever made ends a run that does not wait within seconds.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.breaker import STEADY_OPENINGS, Breaker, admit, answered, failed
from data_nexus.domain.limits.first_contact import (
    BETWEEN_SEC,
    FirstContact,
    is_out_of_reach,
    made,
    missed,
)
from data_nexus.errors import (
    AnswerTimedOut,
    ConnectionFailed,
    NexusError,
    NotSent,
    RateLimited,
    Redirected,
    VendorFailed,
    VendorUnavailable,
)
from data_nexus.events import Observer, Waiting

# How many times in a row a breaker may open before the vendor counts as unavailable: some minutes.
_MOST_OPENINGS = STEADY_OPENINGS - 1


def _nothing() -> None:
    """Note nothing."""


@dataclass(slots=True)
class CircuitBreakers:
    """The breakers of a run. `waits`: a vendor out of reach is waited for, however long.

    `recovered` is called when an answer closes a breaker; `clock` gives seconds.
    """

    observe: Observer
    first_open_sec: float = 30.0
    waits: bool = False
    chance: random.Random = field(default_factory=random.Random)
    recovered: Callable[[], None] = _nothing
    clock: Callable[[], float] = time.monotonic
    _by_endpoint: dict[Endpoint, Breaker] = field(init=False)
    _last: dict[Endpoint, str] = field(default_factory=dict)
    _contact: FirstContact = field(default_factory=FirstContact)
    # Set when a probe has ended, and replaced.
    _probed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._by_endpoint = defaultdict(lambda: Breaker(first_open_sec=self.first_open_sec))

    async def admit(self, endpoint: Endpoint) -> None:
        """Wait until requests may go out; raise `VendorUnavailable` if that takes too long."""
        while True:
            breaker, wait = admit(self._by_endpoint[endpoint], self.clock())
            self._by_endpoint[endpoint] = breaker
            if not wait:
                return
            if not (self.waits or self._contact.is_made):
                await asyncio.sleep(min(wait, BETWEEN_SEC))
                return
            if breaker.times_opened > _MOST_OPENINGS and not self.waits:
                said = f"no usable answer after {breaker.times_opened} pauses"
                raise VendorUnavailable(f"{endpoint}: {said}; the last: {self._last[endpoint]}")
            self.observe(Waiting("the vendor to recover", wait))
            await self._wait(wait)

    @contextmanager
    def watch(self, endpoint: Endpoint) -> Iterator[None]:
        """Note how one request ends: a refusal is an answer too, a rate limit is neither."""
        begun = self.clock()
        try:
            yield
        except (ConnectionFailed, AnswerTimedOut, VendorFailed, Redirected) as error:
            self._note_failure(endpoint, error, begun)
            if self._is_out_of_reach:
                cause = error.cause if isinstance(error, NotSent) else str(error)
                raise VendorUnavailable(f"the vendor cannot be reached: {cause}") from None
            raise
        except RateLimited:
            self._contact = made(self._contact)
            raise
        except NexusError:
            self._note_answer(endpoint)
            raise
        else:
            self._note_answer(endpoint)

    def states(self) -> dict[str, str]:
        """Return the state of each breaker by endpoint."""
        return {str(name): breaker.state for name, breaker in self._by_endpoint.items()}

    @property
    def _is_out_of_reach(self) -> bool:
        return not self.waits and is_out_of_reach(self._contact, self.clock())

    def _note_failure(self, endpoint: Endpoint, error: NexusError, begun: float) -> None:
        is_reached = not isinstance(error, NotSent)
        self._contact = made(self._contact) if is_reached else missed(self._contact, begun)
        self._last[endpoint] = str(error)
        breaker = self._by_endpoint[endpoint]
        self._by_endpoint[endpoint] = failed(
            breaker, self.clock(), self.chance.random(), reached=is_reached
        )
        if breaker.state == "probing":
            self._wake()

    def _note_answer(self, endpoint: Endpoint) -> None:
        self._contact = made(self._contact)
        breaker = self._by_endpoint[endpoint]
        self._by_endpoint[endpoint] = answered(breaker, self.clock())
        if breaker.state != "closed":
            self.recovered()
            self._wake()

    async def _wait(self, seconds: float) -> None:
        """Sleep, but no longer than until a probe has ended."""
        probed = self._probed
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await probed.wait()

    def _wake(self) -> None:
        self._probed.set()
        self._probed = asyncio.Event()
