"""Run a backfill: open what it needs, run the engine, report.

`EODHistoryLoader` is the specification's door to the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from data_nexus.config import Settings
from data_nexus.database.store import Due, Store
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.symbol import Symbol, parse_symbols
from data_nexus.domain.validation.price_kinds import price_kinds
from data_nexus.errors import QuotaSpent, UsageError
from data_nexus.events import Observer, RunFinished, RunStarted, ignore, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.histories.asset_work import AssetWork, Read
from data_nexus.ingestion.histories.calendars import RunCalendars
from data_nexus.ingestion.histories.comparison import HistoryComparison
from data_nexus.ingestion.histories.engine import Engine
from data_nexus.ingestion.histories.history_work import HistoryWork, WriteLimits
from data_nexus.ingestion.histories.reader import HistoryReader
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import (
    FAIL_FAST,
    LimitPolicy,
    foreseen,
    open_database_async,
    open_run,
    settings_for,
)
from data_nexus.observe.context import in_run

_ANY_NUMBER = 2_000_000_000


@dataclass(frozen=True, slots=True)
class BackfillScope:
    """What a backfill shall bring up to date; None is *no restriction*."""

    limit: int | None = 100
    days_old: float = 1.0
    exchange: str | None = None
    symbols: tuple[Symbol, ...] | None = None
    watchlist: str | None = None


async def backfill(
    settings: Settings,
    url: str,
    scope: BackfillScope,
    observe: Observer,
    drain: Drain,
    policy: LimitPolicy = FAIL_FAST,
) -> RunReport:
    """Bring due assets up to date, symbol by symbol, and report; raise what no run survives."""
    totals = RunTotals()
    observe = observers(observe, totals.note)
    async with open_run(settings, url, observe, policy) as (store, requester):
        await store.leases.requeue_absent()
        run = HistoryRun("backfill", settings, store, requester, observe, drain, totals)
        return await run.over(await _due(store, scope), scope.limit)


@dataclass(frozen=True, slots=True)
class LoadedScope:
    """Which loaded histories to compare or to repair; None is *no restriction*.

    Without symbols, watchlist and exchange a repair reads what was found to be damaged. One that
    `withdraws` takes out all bars that the vendor does not send.
    """

    symbols: tuple[Symbol, ...] | None = None
    exchange: str | None = None
    limit: int | None = None
    watchlist: str | None = None
    withdraws: bool = False


async def repair(
    settings: Settings,
    url: str,
    scope: LoadedScope,
    observe: Observer,
    drain: Drain,
    policy: LimitPolicy = FAIL_FAST,
) -> tuple[RunReport, int]:
    """Read damaged histories whole again; return the report, and how many are still damaged.

    What is to be read is marked first, and each mark goes with the commit of its history: a repair
    that was cut short is continued by one without symbols and exchange.
    """
    totals = RunTotals()
    observe = observers(observe, totals.note)
    async with open_run(settings, url, observe, policy) as (store, requester):
        asset_ids = await _known_ids(store, scope.symbols, scope.watchlist)
        if asset_ids is not None:
            await _require_bars(store, asset_ids)
            await store.repairs.want(asset_ids)
        elif scope.exchange is not None:
            await store.listings.require_exchange(scope.exchange)
            await store.repairs.want_exchange(scope.exchange)
        moment = await store.runs.moment()
        due = Due(moment, scope.exchange, asset_ids, wants_repair=True, withdraws=scope.withdraws)
        run = HistoryRun("repair", settings, store, requester, observe, drain, totals)
        report = await run.over(due, scope.limit)
        return report, await store.repairs.left(moment, scope.exchange, asset_ids)


async def compare(
    settings: Settings,
    url: str,
    scope: LoadedScope,
    observe: Observer,
    announce: Callable[[int], None],
) -> HistoryComparison:
    """Compare loaded histories with the vendor's and note which differ.

    `announce` receives the price in calls before anything is spent. A day that does not hold it
    ends the comparison before it begins.
    """
    async with open_run(settings, url, observe) as (store, requester):
        asset_ids = await _known_ids(store, scope.symbols, scope.watchlist)
        assets = await store.repairs.loaded(scope.exchange, asset_ids, scope.limit)
        price = len(assets) * CALLS[Endpoint.EOD]
        announce(price)
        comparison = HistoryComparison(
            store, requester, observe, price_kinds(settings.signed_prices)
        )
        try:
            if assets:
                await requester.quota.require(price)
            await comparison.run(assets, settings.concurrency)
        except QuotaSpent as spent:
            comparison.ended_by = spent
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        return comparison


@dataclass(frozen=True, slots=True)
class HistoryRun:
    """A command that loads histories by the engine; `observe` also counts in `totals`."""

    command: str
    settings: Settings
    store: Store
    requester: Requester
    observe: Observer
    drain: Drain
    totals: RunTotals

    async def over(self, due: Due, limit: int | None) -> RunReport:
        """Load what is due, check what was written, and report."""
        started, store = time.monotonic(), self.store
        most = _ANY_NUMBER if limit is None else limit
        self.observe(RunStarted(self.command, await store.leases.count_due(due, most)))
        run_id = await store.runs.start(self.command)
        with in_run(run_id):
            check = await RunCheck.begin(store, self.settings.require_token(), self.totals)
            reader = reader_of(self.settings, store, self.requester, self.observe)
            work = history_work(self.settings, store, reader, self.observe, run_id)
            engine = engine_of(self.settings, store, self.requester, work, self.observe, self.drain)
            async with store.runs.closing(run_id):
                try:
                    await engine.run(due, limit)
                except BaseExceptionGroup as group:
                    raise foreseen(group) from None
                await reader.calendars.learn()
            ended_by = await check.breach(run_id) or engine.ended_by or self.totals.out_of_reach()
            counted = self.totals.report(time.monotonic() - started, ended_by, self.drain.reason)
            report = replace(counted, notices=await store.runs.notices(run_id, check.since, {}))
            await store.runs.finish(run_id, report.outcome, report.as_dict())
            self.observe(RunFinished(self.command, report.outcome, report.duration_sec))
            return report


class EODHistoryLoader:
    """The specification's history loader: `await EODHistoryLoader(key, db).run_cycle()`.

    `db_config` is a PostgreSQL URL, a mapping of its parts, or None for `DATABASE_URL` or the
    embedded database.
    """

    def __init__(
        self,
        api_key: str,
        db_config: str | Mapping[str, object] | None = None,
        *,
        concurrency: int = 5,
        observe: Observer = ignore,
    ) -> None:
        self._settings = settings_for(api_key, db_config, concurrency=concurrency)
        self._observe = observe

    async def run_cycle(
        self,
        limit: int | None = 100,
        days_old: float = 1.0,
        exchange: str | None = None,
        symbols: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Bring up to `limit` due assets up to date.

        Returns `total_assets`, `total_rows`, `failed`, `duration_sec` and the other figures of
        `nexus backfill --json`. Raises the error that ended the run early, if one did.
        """
        named = tuple(parse_symbols(symbols)) if symbols else None
        scope = BackfillScope(limit, days_old, exchange, named)
        async with open_database_async(self._settings) as url:
            report = await backfill(self._settings, url, scope, self._observe, Drain(self._observe))
        if report.ended_by is not None:
            raise report.ended_by
        return report.as_dict()


async def _due(store: Store, scope: BackfillScope) -> Due:
    if scope.exchange is not None:
        await store.listings.require_exchange(scope.exchange)
    synced_before = await store.runs.moment(scope.days_old)
    chosen = await _known_ids(store, scope.symbols, scope.watchlist)
    return Due(synced_before, scope.exchange, chosen)


async def _require_bars(store: Store, asset_ids: Sequence[int]) -> None:
    """Raise `UsageError` for assets of which nothing can be repaired."""
    loaded = {asset.asset_id for asset in await store.repairs.loaded(None, asset_ids, None)}
    if without := len({*asset_ids} - loaded):
        raise UsageError(
            f"nothing to repair: {without:,} of {len(asset_ids):,} assets lack bars or are parked;"
            " run: nexus backfill --symbols …, or nexus dead-letters list"
        )


async def _known_ids(
    store: Store, symbols: Sequence[Symbol] | None, watchlist: str | None = None
) -> list[int] | None:
    """Return the ids of what is chosen by symbols or as a watchlist; None: whatever there is."""
    if watchlist is not None:
        return await store.listings.watched_ids(watchlist)
    if symbols is None:
        return None
    return [asset.asset_id for asset in await store.listings.known_assets(symbols)]


def engine_of(
    settings: Settings,
    store: Store,
    requester: Requester,
    work: AssetWork[Read],
    observe: Observer,
    drain: Drain,
    *,
    is_probing: bool = False,
) -> Engine[Read]:
    """Return the engine of a run by the settings."""
    return Engine(
        store=store,
        requester=requester,
        work=work,
        concurrency=settings.concurrency,
        grace_sec=settings.grace_seconds,
        observe=observe,
        drain=drain,
        is_probing=is_probing,
    )


def history_work(
    settings: Settings, store: Store, reader: HistoryReader, observe: Observer, run_id: int
) -> HistoryWork:
    """Return an engine's work on histories by the settings."""
    limits = WriteLimits(
        writers=settings.writers,
        batch_rows=settings.batch_rows,
        linger_sec=settings.batch_seconds,
        bytes_in_flight=settings.bytes_in_flight,
    )
    return HistoryWork(store, reader, limits, observe, run_id)


def reader_of(
    settings: Settings, store: Store, requester: Requester, observe: Observer
) -> HistoryReader:
    """Return what gets a run's answers."""
    redact = settings.require_token().redact
    kinds = price_kinds(settings.signed_prices)
    calendars = RunCalendars(store, observe)
    return HistoryReader(store, requester, settings.reread_days, redact, observe, kinds, calendars)
