"""What opens and closes the breaker of an endpoint, by the error with which a request ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

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
