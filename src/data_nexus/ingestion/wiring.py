"""Open what every run works with: settings of a caller, the database, the requester."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from data_nexus.config import (
    Secret,
    Settings,
    check_certificates,
    load_settings,
    vendor_proxy,
)
from data_nexus.database.connection import repeated
from data_nexus.database.open import database_url, open_database
from data_nexus.database.store import Store, open_store
from data_nexus.domain.limits.backoff import Backoff
from data_nexus.domain.limits.first_contact import FIRST_CONNECT_SEC
from data_nexus.domain.validation.price_kinds import price_kinds
from data_nexus.eodhd.client import VendorClient, Wire
from data_nexus.errors import ClocksDiffer, NexusError
from data_nexus.events import Observer, Warned
from data_nexus.ingestion.fetching.circuit_breakers import CircuitBreakers
from data_nexus.ingestion.fetching.concurrency_gate import concurrency_gate
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.fetching.requester import Requester

# What clocks may differ before it is a warning: ten times what a machine without NTP drifts in a
# month. And before nothing is loaded: a whole day moves quota, windows and what is due.
_ODD, MOST_APART = timedelta(minutes=10), timedelta(days=1)
SET_CLOCK = "set the wrong one (timedatectl set-ntp true)"


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """How a run behaves towards the limits.

    `waits`: it sleeps until the quota resets or the vendor recovers instead of ending.
    `leaves_reserve`: it leaves a share of the day's calls to repair and to people.
    """

    waits: bool = False
    leaves_reserve: bool = False


FAIL_FAST = LimitPolicy()
WAIT = LimitPolicy(waits=True)
WORKER = LimitPolicy(waits=True, leaves_reserve=True)


def settings_for(
    api_key: str, db_config: str | Mapping[str, object] | None, **values: object
) -> Settings:
    """Return settings for a caller that brings its own key and perhaps its own database."""
    settings = load_settings({"database_url": database_url(db_config), **values})
    return replace(settings, token=Secret(api_key))


@asynccontextmanager
async def open_database_async(settings: Settings) -> AsyncIterator[str]:
    """Open the settings' database without blocking the event loop while a server starts."""
    with ExitStack() as stack:

        async def enter() -> str:
            opening = open_database(settings.database_url, settings.home, settings.schema)
            return await asyncio.to_thread(stack.enter_context, opening)

        yield await repeated(enter)


@asynccontextmanager
async def open_run(
    settings: Settings,
    url: str,
    observe: Observer,
    policy: LimitPolicy = FAIL_FAST,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AsyncIterator[tuple[Store, Requester]]:
    """Open what a run works with: the store, and the requester with its limits.

    Raises `ClocksDiffer` if this machine's `clock` and the database's differ by more than a day,
    and `UsageError` for signed prices that name no assets, before anything is written.
    """
    token = settings.require_token()
    price_kinds(settings.signed_prices)
    wire = wire_for(settings, None if policy.waits else FIRST_CONNECT_SEC)
    async with (
        open_store(url, settings.schema, settings.writers, settings.lease_seconds) as store,
        VendorClient(wire, token, observe) as client,
    ):
        compare_clocks(clock(), store.clock.now(), observe)
        ledger = Ledger(
            store.quota(token),
            observe,
            keep_share=settings.reserve if policy.leaves_reserve else 0.0,
        )
        yield (
            store,
            Requester(
                client=client,
                ledger=ledger,
                backoff=Backoff(settings.attempts, settings.backoff_seconds),
                observe=observe,
                gate=concurrency_gate(settings.concurrency),
                breakers=CircuitBreakers(observe, settings.breaker_seconds, policy.waits),
                waits=policy.waits,
            ),
        )
        await ledger.close()
        await store.runs.leave()


def wire_for(settings: Settings, first_connect_sec: float | None) -> Wire:
    """Return the way to the vendor: address, proxy, deadlines.

    Raises `UsageError` for a proxy or certificates of the environment that cannot be used.
    """
    check_certificates(settings.eodhd_base_url, os.environ)
    return Wire(
        base_url=settings.eodhd_base_url,
        concurrency=settings.concurrency,
        connect_sec=settings.connect_seconds,
        answer_sec=settings.answer_seconds,
        answer_cap=settings.answer_cap,
        proxy=vendor_proxy(settings.eodhd_base_url, os.environ),
        first_connect_sec=first_connect_sec,
    )


def compare_clocks(own: datetime, databases: datetime, observe: Observer) -> None:
    """Warn of a machine's clock that is minutes from the database's; raise `ClocksDiffer` for days.

    Which of them is wrong only a person can say.
    """
    apart = abs(own - databases)
    if apart <= _ODD:
        return
    text = f"{clocks_in_words(own, databases, 'the database')}: {SET_CLOCK}"
    if apart > MOST_APART:
        raise ClocksDiffer(f"{text} and run the command again; nothing was requested")
    observe(Warned("clock", text))


def clocks_in_words(own: datetime, other: datetime, whose: str) -> str:
    """Return what two clocks say, for a person; `whose` the other one is."""
    return (
        f"this machine's clock says {own:%Y-%m-%d %H:%M} UTC, {whose}'s {other:%Y-%m-%d %H:%M} UTC"
    )


def foreseen(error: BaseException) -> BaseException:
    """Return the first foreseen error of a group, or else the error itself."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    found: BaseException | None = error.subgroup(NexusError)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found or error
