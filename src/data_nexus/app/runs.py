"""Owns the commands that ask the vendor: discover and backfill, from settings to figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_nexus.app.signals import draining_on_signals
from data_nexus.config import Settings
from data_nexus.database.store import open_store
from data_nexus.eodhd.requests import Request
from data_nexus.events import Observer
from data_nexus.ingestion.asset_discovery import Discovered, Tables, discover
from data_nexus.ingestion.engine import Drain
from data_nexus.ingestion.history_loader import Report, Wish, backfill
from data_nexus.ingestion.opening import open_attempts, open_database_async


@dataclass(frozen=True, slots=True)
class DiscoveryWish:
    """What to discover: exchanges, the dead listings too or not, which types (none named: all)."""

    exchanges: tuple[str, ...]
    delisted: bool = False
    types: tuple[str, ...] = ()


def run_backfill(settings: Settings, wish: Wish, observe: Observer) -> Report:
    """Bring due assets up to date; SIGINT and SIGTERM drain the run."""
    settings.require_token()
    return asyncio.run(_backfill(settings, wish, observe))


def run_discovery(settings: Settings, wish: DiscoveryWish, observe: Observer) -> dict[str, Any]:
    """Discover exchanges one after the other; return the figures of `nexus discover --json`."""
    settings.require_token()
    return asyncio.run(_discover_all(settings, wish, observe))


async def _backfill(settings: Settings, wish: Wish, observe: Observer) -> Report:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            return await backfill(settings, url, wish, observe, drain)


async def _discover_all(
    settings: Settings, wish: DiscoveryWish, observe: Observer
) -> dict[str, Any]:
    started = time.monotonic()
    spent: list[Request] = []
    async with (
        open_database_async(settings) as url,
        open_store(url, settings.schema, 1, settings.lease_seconds) as store,
    ):
        run_id = await store.start_run("discover")
        found = await _ask_for_lists(settings, url, wish, observe, spent)
        figures = {
            "exchanges": [one.figures() for one in found],
            "calls": sum(request.calls for request in spent),
            "requests": len(spent),
            "duration_sec": round(time.monotonic() - started, 3),
        }
        await store.finish_run(run_id, "done", figures)
    return figures


async def _ask_for_lists(
    settings: Settings, url: str, wish: DiscoveryWish, observe: Observer, spent: list[Request]
) -> Sequence[Discovered]:
    async with open_attempts(settings, settings.require_token(), observe) as attempts:
        return [
            await discover(
                attempts,
                Tables(url, settings.schema),
                exchange,
                delisted=delisted,
                types=wish.types,
                max_shrink=settings.max_shrink,
                observe=observe,
                spent=spent,
            )
            for exchange in wish.exchanges
            for delisted in ((False, True) if wish.delisted else (False,))
        ]
