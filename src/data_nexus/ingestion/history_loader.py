"""Run a backfill: open what it needs, run the engine, report.

`EODHistoryLoader` is the specification's door to the same run.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_nexus.config import Settings
from data_nexus.database.store import Due, Store
from data_nexus.domain.symbol import Symbol, parse_symbol
from data_nexus.errors import UsageError
from data_nexus.events import Observer, RunFinished, RunStarted, ignore, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.histories.engine import Engine, EngineLimits
from data_nexus.ingestion.histories.reader import HistoryReader
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

_ANY_NUMBER = 2_000_000_000


@dataclass(frozen=True, slots=True)
class BackfillScope:
    """What a backfill shall bring up to date; None is *no restriction*."""

    limit: int | None = 100
    days_old: float = 1.0
    exchange: str | None = None
    symbols: tuple[Symbol, ...] | None = None


async def backfill(
    settings: Settings,
    url: str,
    scope: BackfillScope,
    observe: Observer,
    drain: Drain,
    policy: LimitPolicy = FAIL_FAST,
) -> RunReport:
    """Bring due assets up to date, symbol by symbol, and report; raise what no run survives."""
    started, totals = time.monotonic(), RunTotals()
    observe = observers(observe, totals.note)
    async with open_run(settings, url, observe, policy) as (store, requester):
        await store.leases.requeue_absent()
        due = await _due(store, scope)
        limit = _ANY_NUMBER if scope.limit is None else scope.limit
        observe(RunStarted("backfill", await store.leases.count_due(due, limit)))
        run_id = await store.runs.start("backfill")
        engine = Engine(
            store=store,
            requester=requester,
            limits=engine_limits(settings),
            observe=observe,
            drain=drain,
            run_id=run_id,
            reader=reader_of(settings, store, requester, observe),
        )
        try:
            await engine.run(due, scope.limit)
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        ended_by = engine.ended_by or totals.out_of_reach()
        report = totals.report(time.monotonic() - started, ended_by, drain.reason)
        await store.runs.finish(run_id, report.outcome, report.as_dict())
        observe(RunFinished("backfill", report.outcome, report.duration_sec))
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
        named = tuple(parse_symbol(text) for text in symbols) if symbols else None
        scope = BackfillScope(limit, days_old, exchange, named)
        async with open_database_async(self._settings) as url:
            report = await backfill(self._settings, url, scope, self._observe, Drain(self._observe))
        if report.ended_by is not None:
            raise report.ended_by
        return report.as_dict()


async def _due(store: Store, scope: BackfillScope) -> Due:
    synced_before = await store.runs.moment(scope.days_old)
    if scope.symbols is None:
        return Due(synced_before, scope.exchange)
    known = await store.listings.find_assets(scope.symbols)
    if unknown := [str(symbol) for symbol in scope.symbols if symbol not in known]:
        raise UsageError(f"not in the database: {', '.join(unknown)}; run: nexus discover")
    return Due(synced_before, scope.exchange, list(known.values()))


def engine_limits(settings: Settings) -> EngineLimits:
    """Return how a run works by the settings."""
    return EngineLimits(
        concurrency=settings.concurrency,
        writers=settings.writers,
        batch_rows=settings.batch_rows,
        linger_sec=settings.batch_seconds,
        bytes_in_flight=settings.bytes_in_flight,
        grace_sec=settings.grace_seconds,
    )


def reader_of(
    settings: Settings, store: Store, requester: Requester, observe: Observer
) -> HistoryReader:
    """Return what gets a run's answers."""
    redact = settings.require_token().redact
    return HistoryReader(store, requester, settings.reread_days, redact, observe)
