"""Keep requests from a vendor in trouble: one circuit breaker per endpoint."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.breaker import Breaker, admit, answered, failed
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

# How many times in a row a breaker may open before the vendor counts as unavailable.
_MOST_OPENINGS = 3


@dataclass(slots=True)
class CircuitBreakers:
    """The breakers of a run. `waits`: a vendor out of reach is waited for, however long."""

    observe: Observer
    first_open_sec: float = 30.0
    waits: bool = False
    chance: random.Random = field(default_factory=random.Random)
    _by_endpoint: dict[Endpoint, Breaker] = field(init=False)
    _last: dict[Endpoint, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_endpoint = defaultdict(lambda: Breaker(first_open_sec=self.first_open_sec))

    async def admit(self, endpoint: Endpoint) -> None:
        """Wait until requests may go out; raise `VendorUnavailable` if that takes too long."""
        while True:
            breaker, wait = admit(self._by_endpoint[endpoint], time.monotonic())
            self._by_endpoint[endpoint] = breaker
            if not wait:
                return
            if breaker.times_opened > _MOST_OPENINGS and not self.waits:
                said = f"no usable answer after {breaker.times_opened} pauses"
                raise VendorUnavailable(f"{endpoint}: {said}; the last: {self._last[endpoint]}")
            self.observe(Waiting("the vendor to recover", wait))
            await asyncio.sleep(wait)

    @contextmanager
    def watch(self, endpoint: Endpoint) -> Iterator[None]:
        """Note how one request ends: a refusal is an answer too, a rate limit is neither."""
        try:
            yield
        except (ConnectionFailed, AnswerTimedOut, VendorFailed, Redirected) as error:
            self._last[endpoint] = str(error)
            self._by_endpoint[endpoint] = failed(
                self._by_endpoint[endpoint],
                time.monotonic(),
                self.chance.random(),
                reached=not isinstance(error, NotSent),
            )
            raise
        except RateLimited:
            raise
        except NexusError:
            self._note_answer(endpoint)
            raise
        else:
            self._note_answer(endpoint)

    def states(self) -> dict[str, str]:
        """Return the state of each breaker by endpoint."""
        return {str(name): breaker.state for name, breaker in self._by_endpoint.items()}

    def _note_answer(self, endpoint: Endpoint) -> None:
        self._by_endpoint[endpoint] = answered(self._by_endpoint[endpoint], time.monotonic())
