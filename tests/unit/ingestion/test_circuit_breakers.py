"""What opens and closes the breaker of an endpoint, by the error with which a request ends."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import pytest

from data_nexus.domain.endpoints import Endpoint
from data_nexus.errors import (
    AnswerTimedOut,
    BrokenAnswer,
    NexusError,
    NotListed,
    NotSent,
    RateLimited,
    Redirected,
    RequestRefused,
    VendorFailed,
    VendorUnavailable,
)
from data_nexus.events import ignore
from data_nexus.ingestion.fetching.circuit_breakers import CircuitBreakers

EOD = Endpoint.EOD
FAILURES = [
    VendorFailed("503"),
    AnswerTimedOut("late"),
    NotSent("no connection"),
    Redirected("302 redirected"),
]


@dataclass(slots=True)
class Clock:
    """A clock that a test sets ahead."""

    ahead: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return time.monotonic() + self.ahead


def send(breakers: CircuitBreakers, error: NexusError | None = None) -> str:
    """End one request so; the breaker's state after it."""

    async def one() -> None:
        await breakers.admit(EOD)
        with suppress(NexusError), breakers.watch(EOD):
            if error:
                raise error

    asyncio.run(one())
    return breakers.states()[EOD]


def opened(first_open_sec: float = 1e-3) -> CircuitBreakers:
    breakers = CircuitBreakers(ignore, first_open_sec=first_open_sec, waits=True)
    for _ in range(10):
        with suppress(VendorFailed), breakers.watch(EOD):
            raise VendorFailed("503")
    assert breakers.states()[EOD] == "open"
    return breakers


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_ten_failures_open_it(error: NexusError) -> None:
    breakers = CircuitBreakers(ignore, first_open_sec=1e-3)
    for _ in range(10):
        with suppress(NexusError), breakers.watch(EOD):
            raise error
    assert breakers.states()[EOD] == "open"


@pytest.mark.parametrize(
    "error",
    [None, NotListed("404"), RequestRefused("400", 400), BrokenAnswer("cut")],
    ids=lambda error: type(error).__name__,
)
def test_an_answer_of_any_kind_to_the_probe_closes_it(error: NexusError | None) -> None:
    """Else a refused probe would keep everybody waiting for a minute."""
    assert send(opened(), error) == "closed"


def test_a_failed_probe_opens_it_again_and_a_rate_limit_says_nothing() -> None:
    assert send(opened(), Redirected("302")) == "open"
    assert send(opened(), RateLimited("429", 1)) == "probing"


def test_a_waiting_request_goes_on_as_soon_as_the_probe_is_answered() -> None:
    """And not when the probe's own time is over, a minute later."""
    breakers = opened()

    async def probe_and_follow() -> None:
        await asyncio.sleep(2e-3)
        await breakers.admit(EOD)
        followers = [asyncio.create_task(breakers.admit(EOD)) for _ in range(3)]
        await asyncio.sleep(0)
        with breakers.watch(EOD):
            pass
        async with asyncio.timeout(10):
            await asyncio.gather(*followers)

    asyncio.run(probe_and_follow())


def test_a_failed_probe_is_followed_by_another_in_its_time() -> None:
    breakers = opened()

    async def probe_twice() -> None:
        await asyncio.sleep(2e-3)
        await breakers.admit(EOD)
        follower = asyncio.create_task(breakers.admit(EOD))
        await asyncio.sleep(0)
        with suppress(VendorFailed), breakers.watch(EOD):
            raise VendorFailed("503")
        async with asyncio.timeout(10):
            await follower

    asyncio.run(probe_twice())
    assert breakers.states()[EOD] == "probing"


def test_the_end_of_an_outage_is_reported_once() -> None:
    breakers, reported = opened(), list[str]()
    breakers.recovered = lambda: reported.append("recovered")
    send(breakers)
    send(breakers)
    assert reported == ["recovered"]


def test_a_vendor_never_reached_ends_a_run_that_does_not_wait() -> None:
    clock = Clock()
    breakers = CircuitBreakers(ignore, clock=clock)
    with pytest.raises(VendorUnavailable, match=r"^the vendor cannot be reached: the name is"):
        asyncio.run(missed(breakers, clock, times=50))


def test_a_run_that_waits_goes_on_however_long_the_vendor_is_not_reached() -> None:
    clock = Clock()
    breakers = CircuitBreakers(ignore, first_open_sec=1e-3, waits=True, clock=clock)
    asyncio.run(missed(breakers, clock, times=20))


def test_a_vendor_that_was_reached_once_is_not_out_of_reach() -> None:
    clock = Clock()
    breakers = CircuitBreakers(ignore, first_open_sec=1e-3, clock=clock)
    send(breakers, RateLimited("429", 1))
    asyncio.run(missed(breakers, clock, times=4))


async def missed(breakers: CircuitBreakers, clock: Clock, times: int) -> None:
    """Send requests of which no connection comes about, each tried for two seconds."""
    for _ in range(times):
        await breakers.admit(EOD)
        with suppress(NotSent), breakers.watch(EOD):
            clock.ahead += 2.0
            raise NotSent("S.US: no connection: the name is not known", "the name is not known")


def test_a_run_that_does_not_wait_ends_after_some_openings_and_says_what_came_last() -> None:
    breakers = CircuitBreakers(ignore, first_open_sec=1e-4)
    with pytest.raises(VendorUnavailable, match=r"eod: .* the last: S.US: 302 redirected"):
        asyncio.run(redirected(breakers))


async def redirected(breakers: CircuitBreakers) -> None:
    """Send one request after the other, each of them redirected."""
    for _ in range(100):
        await breakers.admit(EOD)
        with suppress(Redirected), breakers.watch(EOD):
            raise Redirected("S.US: 302 redirected")
