"""Updates at a moment of the test's choosing: run in this process, with their clock given."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import psycopg

from data_nexus.app.planning import update_plan
from data_nexus.config import Secret, Settings, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import token_id
from data_nexus.database.reader.planning import known_quota
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.quota import on_day
from data_nexus.domain.planning.plan import Plan
from data_nexus.events import Observer, ignore
from data_nexus.ingestion.asset_discovery import WantedList, discover
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import BackfillScope, backfill
from data_nexus.ingestion.nightly.update import update
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.wiring import open_run
from tests.support.vendor.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class RecentNight:
    """A session of the last days, the one before it, and the morning on which all of it is out.

    By the real clock, so that the vendor's day is the database's.
    """

    before: str
    session: str
    morning: datetime


def recent_night() -> RecentNight:
    """A night some days ago; with no day between its sessions, which would be asked for first."""
    today = datetime.now(UTC).date()
    sessions = sessions_of("US", today)
    days = [*map(day_date, sessions.between(today - timedelta(14), today - timedelta(4)).tolist())]
    before, session = [pair for pair in pairwise(days) if pair[1] - pair[0] == timedelta(1)][-1]
    morning = datetime.combine(session + timedelta(1), time(12), UTC)
    return RecentNight(str(before), str(session), morning)


def settings_of(vendor: Sandbox, url: str, **values: object) -> Settings:
    """Settings that ask this vendor and fill this database; symbol lists stay as they are."""
    given = {
        "database_url": url,
        "eodhd_base_url": vendor.url,
        "backoff_seconds": 0.01,
        "concurrency": 10,
        # They were discovered by the real clock, of which a night's may be years ahead.
        "list_days": 36_500,
        # What an update costs is counted without the audit, unless a test is about it.
        "audit_share": 0.0,
        # What an update in bulk costs is counted with one session compared again.
        "look_back": 0,
    }
    return replace(load_settings(given | values), token=Secret(vendor.token))


def discover_at(now: datetime, vendor: Sandbox, url: str, exchange: str = "US") -> None:
    """Read an exchange's lists of the living and the dead as if it were `now`."""

    async def read() -> None:
        settings = settings_of(vendor, url)
        async with open_run(settings, url, ignore) as (store, attempts):
            for delisted in (False, True):
                await discover(
                    attempts,
                    store.listings,
                    WantedList(exchange, delisted),
                    max_shrink=settings.max_shrink,
                    observe=ignore,
                    moment=now,
                )

    asyncio.run(read())


def plan_at(now: datetime, vendor: Sandbox, url: str, **values: object) -> Plan:
    """Say what an update would ask for if it were `now`, as `nexus plan` does."""
    settings = settings_of(vendor, url, **values)
    database = PostgresConnection(url, settings.schema)
    try:
        known = known_quota(database, settings.token)
        # The ledger's day is the database's, whatever time the test has.
        today = on_day(known.quota, known.moment.date())
        known = replace(known, quota=today, moment=now)
        return update_plan(database, settings, known, None)[0]
    finally:
        database.close()


def load_all(vendor: Sandbox, url: str) -> None:
    """Load every asset's history."""
    settings = settings_of(vendor, url)
    wish = BackfillScope(limit=None, days_old=0)
    report = asyncio.run(backfill(settings, url, wish, ignore, Drain(ignore)))
    assert (report.ended_by, report.failed, report.parked) == (None, 0, 0)


# A refusal of an exchange with this behind its name is renewed before each update.
_FOR_GOOD = " for good"


def without_actions(vendor: Sandbox, url: str, exchange: str = "US") -> None:
    """Let the plan have no splits and dividends of single assets: what nights cost is then bars."""
    refusal = (
        "INSERT INTO refusals (token_id, exchange, endpoint, refused_at)"
        " SELECT %s, exchange, endpoint, now()"
        " FROM unnest(%s::text[]) AS exchange, unnest(%s::text[]) AS endpoint"
    )
    endpoints = [Endpoint.SPLITS.value, Endpoint.DIVIDENDS.value]
    names = [exchange, exchange + _FOR_GOOD]
    with psycopg.connect(url) as connection:
        connection.execute(refusal, [token_id(Secret(vendor.token)), names, endpoints])


def _renew_refusals(url: str, now: datetime) -> None:
    """A refusal is believed for a week, and nights may be years apart."""
    renewed = (
        "UPDATE refusals r SET refused_at = %s FROM refusals m WHERE m.exchange = r.exchange || %s"
        " AND (m.token_id, m.endpoint) = (r.token_id, r.endpoint)"
    )
    with psycopg.connect(url) as connection:
        connection.execute(renewed, [now, _FOR_GOOD])


def update_at(
    now: datetime,
    vendor: Sandbox,
    url: str,
    exchange: str | None = None,
    *observed: Observer,
    drain: Drain | None = None,
    **values: object,
) -> RunReport:
    """Update as if it were `now`, with these settings; `drain` may stop it before its end."""
    observe = observed[0] if observed else ignore
    settings = settings_of(vendor, url, **values)
    wish = drain or Drain(observe)
    _renew_refusals(url, now)
    return asyncio.run(update(settings, url, exchange, observe, wish, now=now))


def let_days_pass(url: str, days: int = 1) -> None:
    """Make all that audits and the ledger remember so many days older; the queue stays."""
    # A database knows one clock only: where a test lives through nights, the past moves instead.
    ago = f"make_interval(days => {int(days)})"
    with psycopg.connect(url) as connection:
        for table, column in (
            ("assets", "read_whole_at"),
            ("action_samples", "drawn_at"),
            ("sync_log", "committed_at"),
            ("market_data_revisions", "valid_until"),
            ("rebasings", "valid_until"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = {column} - {ago}".encode())  # noqa: S608
        connection.execute(f"UPDATE quota_ledger SET day = day - {int(days)}".encode())  # noqa: S608
