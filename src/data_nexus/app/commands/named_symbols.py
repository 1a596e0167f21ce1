"""Load named symbols from nothing: added from the list, then their bars, then their actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.domain.symbol import Symbol
from data_nexus.events import Observer, RunExtended, observers
from data_nexus.ingestion.asset_discovery import add_symbols
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import FetchState, Requester
from data_nexus.ingestion.history_loader import BackfillScope, backfill, reader_of
from data_nexus.ingestion.nightly.actions import read_actions, wanting
from data_nexus.ingestion.nightly.context import UpdateRun
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import open_run
from data_nexus.observe.context import in_run


async def get(
    settings: Settings,
    url: str,
    symbols: Sequence[Symbol],
    observe: Observer,
    announce: Callable[[str], None],
    drain: Drain,
) -> RunReport:
    """Load symbols: those that no asset has are added, then all that are due loaded, then adjusted.

    The splits and dividends of those whose bars show some are read, so that adjusted prices are
    right at once. `announce` receives the price before anything is spent. Raises `UsageError` for a
    symbol that the vendor does not list.
    """
    calls = await _add(settings, url, symbols, observe, announce)
    scope = BackfillScope(None, settings.days_old, symbols=tuple(symbols))
    report = await backfill(settings, url, scope, observe, drain)
    report = replace(report, calls=report.calls + calls)
    if report.is_cut_short:
        return report
    return _with_actions(report, await _read_actions(settings, url, symbols, observe, drain))


async def _add(
    settings: Settings,
    url: str,
    symbols: Sequence[Symbol],
    observe: Observer,
    announce: Callable[[str], None],
) -> int:
    """Add those of the symbols that no asset has; return the calls that it took."""
    totals = RunTotals()
    async with open_run(settings, url, observers(observe, totals.note)) as (store, requester):
        if not (unknown := await store.listings.unknown(symbols)):
            return 0
        exchanges = sorted({symbol.exchange for symbol in unknown})
        one = len(exchanges) == 1
        price = "the symbol list of {}: 1 call" if one else "the symbol lists of {}: {:,} calls"
        listed = price.format(", ".join(exchanges), len(exchanges))
        announce(f"{listed}, and one for each symbol; two more for one with splits or dividends")
        run_id = await store.runs.start("discover")
        with in_run(run_id):
            async with store.runs.closing(run_id):
                added = await add_symbols(requester, store.listings, unknown, FetchState())
            await store.runs.finish(run_id, "done", {"added": added, "calls": totals.calls})
    return totals.calls


async def _read_actions(
    settings: Settings, url: str, symbols: Sequence[Symbol], observe: Observer, drain: Drain
) -> RunReport | None:
    """Read the splits and dividends that the bars of symbols show; None if they show none."""
    started, totals = time.monotonic(), RunTotals()
    observing = observers(observe, totals.note)
    async with open_run(settings, url, observing) as (store, requester):
        run = await _run_over(settings, store, requester, observe, drain, totals, symbols)
        wanted = sum((await wanting(run, None)).values())
        if not wanted:
            return None
        observe(RunExtended(wanted))
        run = replace(run, run_id=await store.runs.start("get"))
        with in_run(run.run_id):
            check = await RunCheck.begin(store, settings.require_token(), totals)
            async with store.runs.closing(run.run_id):
                steps = await read_actions(run, None)
            ended_by = await check.breach(run.run_id) or steps.ended_by or totals.out_of_reach()
            report = totals.report(time.monotonic() - started, ended_by, drain.reason)
            await store.runs.finish(run.run_id, report.outcome, report.as_dict())
            return report


async def _run_over(
    settings: Settings,
    store: Store,
    requester: Requester,
    observe: Observer,
    drain: Drain,
    totals: RunTotals,
    symbols: Sequence[Symbol],
) -> UpdateRun:
    """Return what the step works with: of the symbols' assets alone."""
    return UpdateRun(
        settings=settings,
        store=store,
        requester=requester,
        listener=observe,
        totals=totals,
        drain=drain,
        now=await store.runs.moment(),
        run_id=0,
        reader=reader_of(settings, store, requester, observe),
        asset_ids=[each.asset_id for each in await store.listings.known_assets(symbols)],
    )


def _with_actions(bars: RunReport, actions: RunReport | None) -> RunReport:
    """Return the report of bars with what reading actions added to it."""
    if actions is None:
        return bars
    return replace(
        bars,
        actions=actions.actions,
        actions_failed=actions.actions_failed,
        findings=actions.findings,
        calls=bars.calls + actions.calls,
        requests=bars.requests + actions.requests,
        commits=bars.commits + actions.commits,
        duration_sec=bars.duration_sec + actions.duration_sec,
        ended_by=actions.ended_by,
        drained_by=actions.drained_by,
    )
