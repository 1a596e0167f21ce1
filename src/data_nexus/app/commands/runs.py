"""Run the commands that send requests: discover, backfill, update, worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from data_nexus.app.commands.named_symbols import get
from data_nexus.app.commands.watched import watched_worker
from data_nexus.app.signals import (
    draining_on_signals,
    in_a_thread,
    outside_a_loop,
    reloading_on_signal,
)
from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import names_file
from data_nexus.database.reader.listed.known_names import keep_names
from data_nexus.database.reader.table_reads import require_readable
from data_nexus.domain.symbol import Symbol
from data_nexus.events import Observer, observers
from data_nexus.ingestion.asset_discovery import fetch_exchanges
from data_nexus.ingestion.discovery_run import DiscoveryReport, DiscoveryScope, discover_all
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import BackfillScope, LoadedScope, backfill, repair
from data_nexus.ingestion.nightly.update import update
from data_nexus.ingestion.nightly.worker import database_once_there
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import FAIL_FAST, LimitPolicy, open_database_async, open_run
from data_nexus.service.actions.all_actions import job_actions
from data_nexus.service.alerting import AlertWatch, watched
from data_nexus.service.daemon import Daemon, JobReport
from data_nexus.service.presence import announced
from data_nexus.service.rounds import Rounds


@dataclass(frozen=True, slots=True)
class DaemonSurroundings:
    """What a daemon has its new settings from, what is served beside it, and its rounds."""

    reread: Callable[[], Settings] | None
    beside: Callable[[str], AbstractAsyncContextManager[object]]
    rounds: Rounds


def run_backfill(
    settings: Settings, scope: BackfillScope, observe: Observer, policy: LimitPolicy = FAIL_FAST
) -> RunReport:
    """Bring due assets up to date; SIGINT and SIGTERM drain the run."""
    settings.require_token()
    return asyncio.run(_backfill(settings, scope, observe, policy))


def run_update(
    settings: Settings,
    exchange: str | None,
    observe: Observer,
    policy: LimitPolicy = FAIL_FAST,
    now: datetime | None = None,
    watchlist: str | None = None,
) -> RunReport:
    """Make everything fresh as of `now` (None: the database's) with the fewest calls.

    With `watchlist` only its assets. SIGINT and SIGTERM drain the run.
    """
    settings.require_token()
    return asyncio.run(_update(settings, exchange, observe, policy, now, watchlist))


def run_worker(
    settings: Settings, exchange: str | None, observe: Observer, watchlist: str | None = None
) -> RunReport:
    """Keep an exchange, or all, or a watchlist, fresh until a signal drains the worker."""
    settings.require_token()
    return asyncio.run(watched_worker(settings, exchange, observe, watchlist))


def run_daemon(
    settings: Settings,
    observe: Observer,
    *,
    once: bool = False,
    reread: Callable[[], Settings] | None = None,
    beside: Callable[[str], AbstractAsyncContextManager[object]] = nullcontext,
    rounds: Rounds | None = None,
) -> list[JobReport]:
    """Run jobs by their schedules until a signal drains the daemon; return their runs.

    With `once` those that are due now, and no more. SIGHUP lets it `reread` its settings. `beside`
    makes of the database's URL what is there for as long as the daemon runs, whose `rounds` show
    that it lives.
    """
    settings.require_token()
    around = DaemonSurroundings(reread, beside, rounds or Rounds())
    return asyncio.run(_daemon(settings, observe, around, once=once))


def run_job(settings: Settings, observe: Observer, name: str) -> JobReport:
    """Run a job now; SIGINT and SIGTERM drain it."""
    settings.require_token()
    return asyncio.run(_job(settings, observe, name))


def run_repair(
    settings: Settings, scope: LoadedScope, observe: Observer, policy: LimitPolicy = FAIL_FAST
) -> tuple[RunReport, int]:
    """Read damaged histories whole again; return the report and how many are still damaged.

    SIGINT and SIGTERM drain the run. Where none is marked, all tables are read: raises
    `StorageDamaged` for a page that no repair can mend.
    """
    settings.require_token()
    return asyncio.run(_repair(settings, scope, observe, policy))


def run_discovery(settings: Settings, scope: DiscoveryScope, observe: Observer) -> DiscoveryReport:
    """Discover exchanges in turn and report what changed."""
    settings.require_token()
    return asyncio.run(_discover_all(settings, scope, observe))


def run_exchanges(settings: Settings, observe: Observer) -> int:
    """Store the vendor's list of exchanges, and return how many calls it cost."""
    settings.require_token()
    return outside_a_loop(lambda: asyncio.run(_exchanges(settings, observe)))


def run_get(
    settings: Settings,
    symbols: Sequence[Symbol],
    observe: Observer,
    announce: Callable[[str], None],
) -> RunReport:
    """Load symbols from nothing, their splits and dividends as well.

    `announce` receives the price before anything is spent. Raises `UsageError` for a symbol that
    the vendor does not list.
    """
    settings.require_token()
    return asyncio.run(_get(settings, symbols, observe, announce))


def get_for_a_script(settings: Settings, symbols: Sequence[Symbol], observe: Observer) -> RunReport:
    """Load symbols as `run_get` does, for a script or a notebook, whose signals stay its own."""
    return in_a_thread(lambda: run_get(settings, symbols, observe, lambda _: None))


async def _get(
    settings: Settings,
    symbols: Sequence[Symbol],
    observe: Observer,
    announce: Callable[[str], None],
) -> RunReport:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            report = await get(settings, url, symbols, observe, announce, drain)
            await _keep_names(settings, url)
            return report


async def _backfill(
    settings: Settings, scope: BackfillScope, observe: Observer, policy: LimitPolicy
) -> RunReport:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            return await backfill(settings, url, scope, observe, drain, policy)


async def _repair(
    settings: Settings, scope: LoadedScope, observe: Observer, policy: LimitPolicy
) -> tuple[RunReport, int]:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            report, left = await repair(settings, url, scope, observe, drain, policy)
            if not (report.total_assets or left or report.is_cut_short):
                # Not even `nexus verify` can mark what lies in a page that cannot be read.
                stored = PostgresConnection(url, settings.schema)
                await asyncio.to_thread(require_readable, stored)
            return report, left


async def _update(
    settings: Settings,
    exchange: str | None,
    observe: Observer,
    policy: LimitPolicy,
    now: datetime | None,
    watchlist: str | None,
) -> RunReport:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            report = await update(settings, url, exchange, observe, drain, policy, now, watchlist)
            await _keep_names(settings, url)
            return report


async def _job(settings: Settings, observe: Observer, name: str) -> JobReport:
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with open_database_async(settings) as url:
            return await _daemon_on(settings, url, observe, drain).run_now(name)


def _daemon_on(settings: Settings, url: str, observe: Observer, drain: Drain) -> Daemon:
    return Daemon(settings, url, job_actions, observe, drain)


async def _daemon(
    settings: Settings,
    observe: Observer,
    around: DaemonSurroundings,
    *,
    once: bool,
) -> list[JobReport]:
    drain = Drain(observe)
    with draining_on_signals(drain):
        there = (
            open_database_async(settings) if once else database_once_there(settings, observe, drain)
        )
        async with there as url, around.beside(url):
            watch = AlertWatch(lambda: daemon.settings, url, observe)
            daemon = replace(
                _daemon_on(settings, url, observers(observe, watch.note), drain),
                reread=around.reread,
                rounds=around.rounds,
            )
            with ExitStack() as stack:
                if around.reread is not None:
                    stack.enter_context(announced(settings.home))
                    stack.enter_context(reloading_on_signal(daemon.reload, drain))
                async with watched(watch, once=once):
                    await daemon.run(once=once)
            return [*daemon.reports]


async def _exchanges(settings: Settings, observe: Observer) -> int:
    totals = RunTotals()
    observe = observers(observe, totals.note)
    async with (
        open_database_async(settings) as url,
        open_run(settings, url, observe) as (store, requester),
    ):
        await store.listings.keep_exchanges(await fetch_exchanges(requester))
        return totals.calls


async def _discover_all(
    settings: Settings, scope: DiscoveryScope, observe: Observer
) -> DiscoveryReport:
    async with open_database_async(settings) as url:
        report = await discover_all(settings, url, scope, observe)
        await _keep_names(settings, url)
    return report


async def _keep_names(settings: Settings, url: str) -> None:
    """Renew the list of names beside the embedded database."""
    if settings.database_url is None:
        database = PostgresConnection(url, settings.schema)
        await asyncio.to_thread(keep_names, database, names_file(settings.home))
