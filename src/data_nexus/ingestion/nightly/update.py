"""Run the nightly update: fetch what is due by the calendar with the fewest calls.

First the symbol lists that are old, as what is new on them is due as well. Then a few assets of an
exchange, which show whether it has traded, and on which days. Then exchange by exchange: sessions
in bulk where that costs less, then everything that is left due, asset by asset, by the engine that
also loads histories. Then the actions of assets whose bars show that some are not stored, and last
the audit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from data_nexus.config import Settings
from data_nexus.database.store import Due
from data_nexus.database.store.bulk.sessions import BulkSessions
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.bulk_or_single import BacklogGroup, FetchPlan
from data_nexus.domain.planning.due import (
    PROBED_AFTER,
    MarketSegment,
    behind_by_exchange,
    fetch_plans,
    lacking_a_session,
    published_at,
    session_before,
)
from data_nexus.errors import Pause, Stop, VendorUnavailable
from data_nexus.events import Observer, RunFinished, RunStarted, Warned, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import reader_of
from data_nexus.ingestion.nightly.actions import read_actions, wanting
from data_nexus.ingestion.nightly.audit import audit
from data_nexus.ingestion.nightly.bulk import BulkUpdate
from data_nexus.ingestion.nightly.context import UpdateRun
from data_nexus.ingestion.nightly.feeds import BulkFeeds
from data_nexus.ingestion.nightly.probes import ask_probes
from data_nexus.ingestion.nightly.suspects import read_suspected
from data_nexus.ingestion.nightly.symbol_lists import refresh_lists
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import FAIL_FAST, LimitPolicy, open_run


async def update(
    settings: Settings,
    url: str,
    exchange: str | None,
    observe: Observer,
    drain: Drain,
    policy: LimitPolicy = FAIL_FAST,
    now: datetime | None = None,
) -> RunReport:
    """Make an exchange, or all, complete as of the last session published by `now`; report.

    Without `now` the moment is the database's. When nothing is due, no request is sent. Raises
    `UsageError` for an exchange without assets.
    """
    started, totals = time.monotonic(), RunTotals()
    observing = observers(observe, totals.note)
    async with open_run(settings, url, observing, policy) as (store, requester):
        if exchange:
            await store.listings.require_exchange(exchange)
        now = now or await store.runs.moment()
        await store.leases.requeue_absent(now)
        await store.leases.free_lost()
        run = UpdateRun(
            settings=settings,
            store=store,
            requester=requester,
            listener=observe,
            drain=drain,
            now=now,
            run_id=await store.runs.start("update"),
            totals=totals,
            reader=replace(reader_of(settings, store, requester, observe), now=now),
        )
        check = await RunCheck.begin(store, settings.require_token(), totals)
        try:
            await _advance_due(run, exchange)
        except (Stop, Pause) as error:
            run.ended_by = error
        ended_by = await check.breach(run.run_id) or run.ended_by or totals.out_of_reach()
        counted = totals.report(time.monotonic() - started, ended_by, drain.reason)
        report = replace(counted, steps=run.steps())
        await store.runs.finish(run.run_id, report.outcome, report.as_dict())
        observe(RunFinished("update", report.outcome, report.duration_sec))
        return report


async def _advance_due(run: UpdateRun, exchange: str | None) -> None:
    """Load what is due, of one exchange or of all, and read the wanted actions."""
    published, behind = await _due(run, exchange)
    await refresh_lists(run, lacking_a_session(behind))
    if run.lists:
        published, behind = await _due(run, exchange)
    due = sum(group.assets for groups in behind.values() for group in groups)
    wanted = sum((await wanting(run, exchange)).values())
    run.observe(RunStarted("update", due + wanted))
    if due:
        if await ask_probes(run, behind, published, await _fetch_plans(run, behind)):
            published, behind = await _due(run, exchange)
        await _read_sessions(run, behind, published)
    await read_actions(run, exchange)
    if lacking_a_session(behind):
        await read_suspected(run, exchange)
    if lacking_a_session(behind) and not run.paused_by:
        await audit(run, exchange)
        # What it found is explained in the same update: the next one may cost nothing.
        await read_actions(run, exchange)
    run.ended_by = run.ended_by or run.paused_by


async def _read_sessions(
    run: UpdateRun, behind: Mapping[str, list[BacklogGroup]], published: dict[MarketSegment, date]
) -> None:
    """Load what is due: in bulk where that costs less, then asset by asset."""
    bulk = run.bulk
    for name, fetch_plan in (await _fetch_plans(run, behind)).items():
        if fetch_plan.sessions and not run.is_over:
            async with bulk.alone_with(name, run.drain.requested) as waited:
                # Another update was at work: what the assets lack is read again.
                still = await _fetch_plan_now(run, name) if waited else fetch_plan
                published = await _in_bulk(run, bulk, name, still, published)
    run.reader.seen |= await bulk.sightings()
    await run.read_histories(Due(await run.store.runs.moment(), published=published))
    await run.reader.calendars.learn()
    if not isinstance(run.ended_by, VendorUnavailable):
        # Only now: a vendor or an address that knows nothing has refused bulk to no key.
        for name in run.without_bulk:
            await run.quota.note_refusal(Endpoint.BULK, name, run.now)


async def _fetch_plans(
    run: UpdateRun, behind: Mapping[str, list[BacklogGroup]]
) -> dict[str, FetchPlan]:
    """Return the cheapest fetch plan of each exchange that the vendor's plan allows."""
    since = run.now - PROBED_AFTER
    refused = await run.quota.refused(Endpoint.BULK, since)
    whole_day = await run.requester.quota.calls_a_day()
    left = (await run.requester.ledger.known()).left
    return await asyncio.to_thread(
        fetch_plans, behind, refused, whole_day, left, run.settings.look_back, run.calendars
    )


async def _fetch_plan_now(run: UpdateRun, exchange: str) -> FetchPlan:
    _, behind = await _due(run, exchange)
    return (await _fetch_plans(run, behind)).get(exchange, FetchPlan((), 0, 0))


async def _due(
    run: UpdateRun, exchange: str | None
) -> tuple[dict[MarketSegment, date], dict[str, list[BacklogGroup]]]:
    """Return the last published session by segment, and what is due by exchange.

    Of an exchange that is shut or late, nothing is due that was not seen.
    """
    queued = await run.bulk.queued(exchange, run.now)
    segments, calendars = {group.segment for group in queued}, await run.reader.calendars.load()
    published = await asyncio.to_thread(published_at, segments, run.now, calendars)
    published = {p: min(d, run.unseen_after.get(p.exchange, d)) for p, d in published.items()}
    return published, behind_by_exchange(queued, published)


async def _in_bulk(
    run: UpdateRun,
    bulk: BulkSessions,
    exchange: str,
    fetch_plan: FetchPlan,
    published: Mapping[MarketSegment, date],
) -> dict[MarketSegment, date]:
    """Advance an exchange in bulk; return through which session the rest is due, by segment."""
    if not fetch_plan.sessions or run.is_over:
        return dict(published)
    update = BulkUpdate(
        exchange=exchange,
        published={p: day for p, day in published.items() if p.exchange == exchange},
        store=run.store,
        sessions=bulk,
        feeds=BulkFeeds(exchange, run.drainable, run.reader.redact, run.reader.kinds),
        observe=run.observe,
        run_id=run.run_id,
        now=run.now,
        writers=run.settings.writers,
        look_back=fetch_plan.look_back,
        calendars=run.calendars,
    )
    try:
        has_bulk = await update.run(fetch_plan.sessions)
    finally:
        run.log += update.totals.sessions
        if update.looked_back and update.looked_back.report:
            run.looked_back.append(update.looked_back.report)
        run.reader.named |= update.named
    run.paused_by = run.paused_by or update.ended_by
    if has_bulk:
        await run.quota.note_refusal(Endpoint.BULK, exchange, None)
    else:
        run.without_bulk.append(exchange)
        text = f"the plan has no bulk: {fetch_plan.in_bulk:,} assets are fetched individually"
        run.observe(Warned(exchange, text))
        return dict(published)
    if update.held_back is None:
        return dict(published)
    # What is not published in bulk, or waits for the calls of a bulk session, is not fetched
    # individually.
    last = await asyncio.to_thread(session_before, exchange, update.held_back, run.calendars)
    return {p: min(d, last) if p.exchange == exchange else d for p, d in published.items()}
