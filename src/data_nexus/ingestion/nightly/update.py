"""Run the nightly update: fetch what is due by the calendar with the fewest calls.

First the symbol lists that are old, as what is new on them is due as well. Then a few assets of an
exchange, which show whether it has traded, and on which days. Then exchange by exchange: sessions
in bulk where that costs less, then everything that is left due, asset by asset, by the engine that
also loads histories. Then the actions of assets whose bars show that some are not stored, what is
suspected, and last a sample of other actions and the audit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime

from data_nexus.config import Settings
from data_nexus.database.store import Due
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.bulk_or_single import BacklogGroup, FetchPlan
from data_nexus.domain.planning.due import (
    PROBED_AFTER,
    LastSessions,
    MarketSegment,
    behind_by_exchange,
    fetch_plans,
    lacking_a_session,
    last_published_of,
    published_at,
    session_before,
)
from data_nexus.errors import VendorUnavailable
from data_nexus.events import Observer, RunFinished, RunStarted, Warned, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import reader_of
from data_nexus.ingestion.nightly.actions import read_actions, wanting
from data_nexus.ingestion.nightly.audit import audit, sample_actions
from data_nexus.ingestion.nightly.bulk import BulkResult, BulkUpdate
from data_nexus.ingestion.nightly.context import UpdateRun, read_histories
from data_nexus.ingestion.nightly.probes import ask_probes
from data_nexus.ingestion.nightly.suspects import note_open, read_suspected
from data_nexus.ingestion.nightly.symbol_lists import refresh_lists
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport, UpdateSteps
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import FAIL_FAST, LimitPolicy, open_run

Published = dict[MarketSegment, date]
NOTHING_UNSEEN: Mapping[str, date] = {}


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
            totals=totals,
            drain=drain,
            now=now,
            run_id=await store.runs.start("update"),
            reader=replace(reader_of(settings, store, requester, observe), now=now),
        )
        check = await RunCheck.begin(store, settings.require_token(), totals)
        async with store.runs.closing(run.run_id):
            steps, expected = await _advance_due(
                run, exchange, lambda assets: run.observe(RunStarted("update", assets))
            )
        ended_by = (
            await check.breach(run.run_id)
            or steps.ended_by
            or steps.paused_by
            or totals.out_of_reach()
        )
        counted = totals.report(time.monotonic() - started, ended_by, drain.reason)
        notices = await store.runs.notices(run.run_id, check.since, expected)
        report = replace(counted, steps=steps, notices=notices)
        await store.runs.finish(run.run_id, report.outcome, report.as_dict())
        observe(RunFinished("update", report.outcome, report.duration_sec))
        return report


async def _advance_due(
    run: UpdateRun,
    exchange: str | None,
    announce: Callable[[int], None],
) -> tuple[UpdateSteps, LastSessions]:
    """Load what is due, of one exchange or of all, and read the wanted actions.

    Returns the last sessions of the segments that it should have completed besides. `announce`
    receives how many assets are due, before anything but symbol lists is fetched.
    """
    published, behind = await _due(run, exchange)
    done = await refresh_lists(run, lacking_a_session(behind))
    if done.lists:
        published, behind = await _due(run, exchange)
    due = sum(group.assets for groups in behind.values() for group in groups)
    announce(due + sum((await wanting(run, exchange)).values()))
    unseen_after: Mapping[str, date] = {}
    if due and run.goes_on(done):
        read, unseen_after = await _probe_and_read(run, exchange, behind, published)
        done += read
    lacking = lacking_a_session(behind) - {*unseen_after}
    steps = [read_actions]
    if lacking:
        steps.append(read_suspected)
        if not done.paused_by:
            # What the audit finds is explained in the same update: the next may cost nothing.
            steps += [sample_actions, audit, read_actions]
    for step in steps:
        if run.goes_on(done):
            done += await step(run, exchange)
    if not lacking:
        return done, {}
    # Of an exchange that is shut or late, nothing is expected yet.
    segments = {segment for segment in published if segment.exchange not in unseen_after}
    expected = await asyncio.to_thread(last_published_of, segments, run.now, run.calendars)
    if run.goes_on(done):
        await note_open(run, expected)
    return done, expected


async def _probe_and_read(
    run: UpdateRun,
    exchange: str | None,
    behind: Mapping[str, list[BacklogGroup]],
    published: Published,
) -> tuple[UpdateSteps, Mapping[str, date]]:
    """Load what is due; return also the exchanges that lack a session, with the last one seen."""
    probed = await ask_probes(run, behind, published, await _fetch_plans(run, behind))
    if probed.has_asked:
        published, behind = await _due(run, exchange, probed.unseen_after)
    if not run.goes_on(probed.steps):
        return probed.steps, probed.unseen_after
    read = await _read_sessions(run, behind, published, probed.unseen_after)
    return probed.steps + read, probed.unseen_after


async def _read_sessions(
    run: UpdateRun,
    behind: Mapping[str, list[BacklogGroup]],
    published: Published,
    unseen_after: Mapping[str, date],
) -> UpdateSteps:
    """Load what is due: in bulk where that costs less, then asset by asset."""
    done, without_bulk = UpdateSteps(), list[str]()
    for name, fetch_plan in (await _fetch_plans(run, behind)).items():
        if not fetch_plan.sessions or not run.goes_on(done):
            continue
        async with run.bulk.alone_with(name, run.drain.requested) as waited:
            # Another update was at work: what the assets lack is read again.
            still = await _fetch_plan_now(run, name, unseen_after) if waited else fetch_plan
            if not still.sessions or not run.goes_on(done):
                continue
            result = await _in_bulk(run, name, still, published)
        done += result.steps
        run.reader.named |= result.named
        if not result.has_bulk:
            without_bulk.append(name)
        elif result.held_back:
            # What is not published in bulk, or waits for the calls of a bulk session, is not
            # fetched individually.
            published = await _before(run, name, result.held_back, published)
    run.reader.seen |= await run.bulk.sightings()
    if run.goes_on(done):
        due = Due(await run.store.runs.moment(), published=published)
        done += await read_histories(run, due)
        await run.reader.calendars.learn()
    if not isinstance(done.ended_by, VendorUnavailable):
        # Only now: a vendor or an address that knows nothing has refused bulk to no key.
        for name in without_bulk:
            await run.quota.note_refusal(Endpoint.BULK, name, run.now)
    return done


async def _fetch_plans(
    run: UpdateRun, behind: Mapping[str, list[BacklogGroup]]
) -> dict[str, FetchPlan]:
    """Return the cheapest fetch plan of each exchange that the vendor's plan allows."""
    since = run.now - PROBED_AFTER
    refused = await run.quota.refused(Endpoint.BULK, since)
    whole_day = await run.requester.quota.calls_a_day()
    left = (await run.requester.ledger.known()).left
    unsettled = await run.bulk.unsettled()
    return await asyncio.to_thread(
        fetch_plans,
        behind,
        refused,
        whole_day,
        left,
        run.settings.look_back,
        unsettled,
        run.calendars,
    )


async def _fetch_plan_now(
    run: UpdateRun, exchange: str, unseen_after: Mapping[str, date]
) -> FetchPlan:
    _, behind = await _due(run, exchange, unseen_after)
    return (await _fetch_plans(run, behind)).get(exchange, FetchPlan((), 0, 0))


async def _due(
    run: UpdateRun, exchange: str | None, unseen_after: Mapping[str, date] = NOTHING_UNSEEN
) -> tuple[Published, dict[str, list[BacklogGroup]]]:
    """Return the last published session by segment, and what is due by exchange.

    Of an exchange that is shut or late, nothing is due after what was seen of it.
    """
    queued = await run.bulk.queued(exchange, run.now)
    segments, calendars = {group.segment for group in queued}, await run.reader.calendars.load()
    published = await asyncio.to_thread(published_at, segments, run.now, calendars)
    published = {p: min(d, unseen_after.get(p.exchange, d)) for p, d in published.items()}
    return published, behind_by_exchange(queued, published)


async def _in_bulk(
    run: UpdateRun, exchange: str, fetch_plan: FetchPlan, published: Published
) -> BulkResult:
    """Advance an exchange in bulk as planned."""
    own = {segment: last for segment, last in published.items() if segment.exchange == exchange}
    result = await BulkUpdate(run, exchange, own, fetch_plan.look_back).over(fetch_plan.sessions)
    if result.has_bulk:
        await run.quota.note_refusal(Endpoint.BULK, exchange, None)
    else:
        text = f"the plan has no bulk: {fetch_plan.in_bulk:,} assets are fetched individually"
        run.observe(Warned(exchange, text))
    return result


async def _before(run: UpdateRun, exchange: str, session: date, published: Published) -> Published:
    """Return through which session assets are due if those from one on are not of an exchange."""
    last = await asyncio.to_thread(session_before, exchange, session, run.calendars)
    return {p: min(d, last) if p.exchange == exchange else d for p, d in published.items()}
