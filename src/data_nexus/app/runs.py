"""Owns the commands that ask the vendor: discover and backfill, from settings to figures."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data_nexus.app.signals import draining_on_signals
from data_nexus.config import Settings
from data_nexus.eodhd.requests import Request
from data_nexus.events import Observer
from data_nexus.ingestion.asset_discovery import WantedList, discover
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import BackfillScope, Report, backfill
from data_nexus.ingestion.nightly.update import update
from data_nexus.ingestion.wiring import FAIL_FAST, LimitPolicy, open_database_async, open_run
from data_nexus.ingestion.worker import work


@dataclass(frozen=True, slots=True)
class DiscoveryScope:
    """What to discover: exchanges, the dead listings too or not, which types (none named: all)."""

    exchanges: tuple[str, ...]
    delisted: bool = False
    types: tuple[str, ...] = ()


def run_backfill(
    settings: Settings, scope: BackfillScope, observe: Observer, policy: LimitPolicy = FAIL_FAST
) -> Report:
    """Bring due assets up to date; SIGINT and SIGTERM drain the run."""
    settings.require_token()
    return asyncio.run(_backfill(settings, scope, observe, policy))


def run_update(
    settings: Settings,
    exchange: str | None,
    observe: Observer,
    policy: LimitPolicy = FAIL_FAST,
    now: datetime | None = None,
) -> Report:
    """Make everything fresh as of `now` (None: the database's) with the fewest calls.

    SIGINT and SIGTERM drain the run.
    """
    settings.require_token()
    return asyncio.run(_update(settings, exchange, observe, policy, now))


def run_worker(settings: Settings, exchange: str | None, observe: Observer) -> Report:
    """Load whatever is due until a signal drains the worker."""
    settings.require_token()
    return asyncio.run(_work(settings, exchange, observe))


def run_discovery(settings: Settings, scope: DiscoveryScope, observe: Observer) -> dict[str, Any]:
    """Discover exchanges one after the other; return the figures of `nexus discover --json`."""
    settings.require_token()
    return asyncio.run(_discover_all(settings, scope, observe))


async def _backfill(
    settings: Settings, scope: BackfillScope, observe: Observer, policy: LimitPolicy
) -> Report:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            return await backfill(settings, url, scope, observe, drain, policy)


async def _update(
    settings: Settings,
    exchange: str | None,
    observe: Observer,
    policy: LimitPolicy,
    now: datetime | None,
) -> Report:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            return await update(settings, url, exchange, observe, drain, policy, now)


async def _work(settings: Settings, exchange: str | None, observe: Observer) -> Report:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            return await work(settings, url, exchange, observe, drain)


async def _discover_all(
    settings: Settings, scope: DiscoveryScope, observe: Observer
) -> dict[str, Any]:
    started = time.monotonic()
    spent: list[Request] = []
    async with (
        open_database_async(settings) as url,
        open_run(settings, url, observe) as (store, requester),
    ):
        run_id = await store.runs.start("discover")
        found = [
            await discover(
                requester,
                store.listings,
                WantedList(exchange, delisted, scope.types),
                max_shrink=settings.max_shrink,
                observe=observe,
                spent=spent,
            )
            for exchange in scope.exchanges
            for delisted in ((False, True) if scope.delisted else (False,))
        ]
        figures = {
            "exchanges": [one.figures() for one in found],
            "calls": sum(request.calls for request in spent),
            "requests": len(spent) + len(requester.account_requests),
            "duration_sec": round(time.monotonic() - started, 3),
        }
        await store.runs.finish(run_id, "done", figures)
    return figures
