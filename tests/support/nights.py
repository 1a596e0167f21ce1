"""Owns updates at a moment of the test's choosing: run in this process, with their clock given."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from data_nexus.cli.plan import update_plan
from data_nexus.config import Secret, Settings, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.limits import known_quota
from data_nexus.domain.plan import Plan
from data_nexus.events import Observer, ignore
from data_nexus.ingestion.asset_discovery import Tables, WantedList, discover
from data_nexus.ingestion.engine import Drain
from data_nexus.ingestion.history_loader import Report, Wish, backfill
from data_nexus.ingestion.opening import open_run
from data_nexus.ingestion.update import update
from tests.support.sandbox import Sandbox


def settings_of(vendor: Sandbox, url: str, **values: object) -> Settings:
    """Settings that ask this vendor and fill this database; symbol lists stay as they are."""
    given = {
        "database_url": url,
        "eodhd_base_url": vendor.url,
        "backoff_seconds": 0.01,
        "concurrency": 10,
        # They were discovered by the real clock, of which a night's may be years ahead.
        "list_days": 1_000_000,
    }
    return load_settings(given | values).with_token(Secret(vendor.token))


def discover_at(now: datetime, vendor: Sandbox, url: str, exchange: str = "US") -> None:
    """Read an exchange's lists of the living and the dead as if it were `now`."""

    async def read() -> None:
        settings = settings_of(vendor, url)
        async with open_run(settings, url, ignore) as (_, attempts):
            for delisted in (False, True):
                await discover(
                    attempts,
                    Tables(url, settings.schema),
                    WantedList(exchange, delisted),
                    max_shrink=settings.max_shrink,
                    observe=ignore,
                    spent=[],
                    moment=now,
                )

    asyncio.run(read())


def plan_at(now: datetime, vendor: Sandbox, url: str, **values: object) -> Plan:
    """Say what an update would ask for if it were `now`, as `nexus plan` does."""
    settings = settings_of(vendor, url, **values)
    database = PostgresConnection(url, settings.schema)
    try:
        known = replace(known_quota(database, settings.token), moment=now)
        return update_plan(database, settings, known, None)[0]
    finally:
        database.close()


def load_all(vendor: Sandbox, url: str) -> None:
    """Load every asset's history."""
    settings = settings_of(vendor, url)
    wish = Wish(limit=None, days_old=0)
    report = asyncio.run(backfill(settings, url, wish, ignore, Drain(ignore)))
    assert (report.ended_by, report.figures["failed"], report.figures["parked"]) == (None, 0, 0)


def update_at(
    now: datetime,
    vendor: Sandbox,
    url: str,
    exchange: str | None = None,
    *observed: Observer,
    drain: Drain | None = None,
    **values: object,
) -> Report:
    """Update as if it were `now`, with these settings; `drain` may stop it before its end."""
    observe = observed[0] if observed else ignore
    settings = settings_of(vendor, url, **values)
    wish = drain or Drain(observe)
    return asyncio.run(update(settings, url, exchange, observe, wish, now=now))
