"""Run the nightly update: fetch what is due by the calendar with the fewest calls.

First the symbol lists that are old, as what is new on them is due as well. Then exchange by
exchange, one run at a time: a few assets, which show whether it has traded, and on which days, and
sessions in bulk where that costs less. Then everything that is left due, asset by asset, by the
engine that also loads histories. Then the actions of assets whose bars show that some are not
stored, what is suspected, and last a sample of other actions and the audit. A worker's pass takes
the same steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.database.store.bulk.exchange_turns import WholeRequest
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.bulk_or_single import FetchPlan
from data_nexus.domain.planning.due import LastSessions, last_published_of, session_before
from data_nexus.domain.planning.probing import is_newest_unseen
from data_nexus.errors import VendorUnavailable
from data_nexus.events import Observer, RunExtended, RunFinished, RunStarted, Warned, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import reader_of
from data_nexus.ingestion.nightly.actions import read_actions, wanting
from data_nexus.ingestion.nightly.audit import audit, sample_actions
from data_nexus.ingestion.nightly.bulk import BulkResult, BulkUpdate
from data_nexus.ingestion.nightly.context import UpdateRun, read_histories
from data_nexus.ingestion.nightly.due import (
    Backlog,
    DueAssets,
    find_due,
    plan_of,
    plans_of,
)
from data_nexus.ingestion.nightly.probes import Probed, ask_probes
from data_nexus.ingestion.nightly.suspects import note_open, read_suspected
from data_nexus.ingestion.nightly.symbol_lists import refresh_lists
from data_nexus.ingestion.reports.run_check import RunCheck
from data_nexus.ingestion.reports.run_report import RunReport, UpdateSteps
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import FAIL_FAST, LimitPolicy, open_run
from data_nexus.observe.context import in_run


async def update(
    settings: Settings,
    url: str,
    exchange: str | None,
    observe: Observer,
    drain: Drain,
    policy: LimitPolicy = FAIL_FAST,
    now: datetime | None = None,
    watchlist: str | None = None,
) -> RunReport:
    """Make an exchange, or all, complete as of the last session published by `now`; report.

    With `watchlist` only its assets, each fetched individually. Without `now` the moment is the
    database's. When nothing is due, no request is sent. Raises `UsageError` for an exchange or a
    watchlist without assets.
    """
    started, totals = time.monotonic(), RunTotals()
    observing = observers(observe, totals.note)
    async with open_run(settings, url, observing, policy) as (store, requester):
        asset_ids = await _chosen(store, exchange, watchlist)
        moment = now or await store.runs.moment()
        await store.leases.requeue_absent(moment)
        await store.leases.free_lost()
        run = UpdateRun(
            settings=settings,
            store=store,
            requester=requester,
            listener=observe,
            totals=totals,
            drain=drain,
            now=moment,
            run_id=await store.runs.start("update"),
            reader=replace(reader_of(settings, store, requester, observe), clock=lambda: moment),
            asset_ids=asset_ids,
        )
        with in_run(run.run_id):
            check = await RunCheck.begin(store, settings.require_token(), totals)
            async with store.runs.closing(run.run_id):
                steps, expected = await advance_due(
                    run, exchange, lambda assets: run.observe(RunStarted("update", assets))
                )
            ended_by = await check.breach(run.run_id) or steps.ended_by or steps.paused_by
            ended_by = ended_by or totals.out_of_reach()
            counted = totals.report(time.monotonic() - started, ended_by, drain.reason)
            notices = await store.runs.notices(run.run_id, check.since, expected)
            report = replace(counted, steps=steps, notices=notices)
            await store.runs.finish(run.run_id, report.outcome, report.as_dict())
            observe(RunFinished("update", report.outcome, report.duration_sec))
            return report


async def _chosen(store: Store, exchange: str | None, watchlist: str | None) -> list[int] | None:
    """Return the ids of a watchlist's assets, None without one; require that there are some."""
    if exchange:
        await store.listings.require_exchange(exchange)
    return await store.listings.watched_ids(watchlist) if watchlist else None


async def advance_due(
    run: UpdateRun,
    exchange: str | None,
    announce: Callable[[int], None],
) -> tuple[UpdateSteps, LastSessions]:
    """Load what is due, of one exchange or of all, and read the wanted actions.

    Returns the last sessions of the segments that it should have completed besides. `announce`
    receives how many assets are due, before anything but symbol lists is fetched.
    """
    due, done = await find_due(run, exchange), UpdateSteps()
    if run.asset_ids is None:
        done = _settled(run, await refresh_lists(run, due.lacking))
    if done.lists:
        due = await find_due(run, exchange)
    wanted = sum((await wanting(run, exchange)).values())
    announce(due.assets + wanted)
    read = SessionsRead()
    if due.assets and run.goes_on(done):
        read = await _read_sessions(run, exchange, due)
        # What the bars show: known only now.
        more = sum((await wanting(run, exchange)).values()) - wanted
        run.observe(RunExtended(max(more, 0)))
    done += read.steps
    complete = due.lacking - read.unfinished
    done = await _follow_up(run, exchange, complete, read.left, done)
    if not complete:
        return done, {}
    # Of an exchange that is shut or late, nothing is expected yet; of others, a pass has not asked.
    segments = {
        segment
        for segment in due.published
        if segment.exchange not in read.unfinished
        and (segment.exchange in complete or not run.worker_pass)
    }
    expected = await asyncio.to_thread(last_published_of, segments, run.now, run.calendars)
    if run.goes_on(done):
        await note_open(run, expected)
    return done, expected


def _settled(run: UpdateRun, steps: UpdateSteps) -> UpdateSteps:
    """Return what steps of a turn brought; a worker goes on where the day has no calls for them."""
    return steps.as_paused() if run.worker_pass else steps


async def _follow_up(
    run: UpdateRun,
    exchange: str | None,
    complete: Collection[str],
    left: Collection[str],
    done: UpdateSteps,
) -> UpdateSteps:
    """Read what sessions leave to be read, and last the audit.

    `complete` are the exchanges with a new session, `left` those that other runs are at work on.
    """
    steps: list[Callable[[], Coroutine[Any, Any, UpdateSteps]]]
    steps = [actions := partial(read_actions, run, exchange, left)]
    if complete:
        scopes = sorted(complete) if run.worker_pass else [exchange]
        steps += [partial(read_suspected, run, scope) for scope in scopes]
        if run.asset_ids is None and not done.paused_by:
            # What the audit finds is explained in the same update: the next may cost nothing.
            steps += [
                partial(sample_actions, run, exchange),
                partial(audit, run, exchange),
                actions,
            ]
    for step in steps:
        if run.goes_on(done):
            done += await step()
    return done


@dataclass(frozen=True, slots=True)
class SessionsRead:
    """What reading sessions brought, and which exchanges lack theirs still.

    `unfinished` ones are shut or late, or `left` to another run.
    """

    steps: UpdateSteps = field(default_factory=UpdateSteps)
    unfinished: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


async def _read_sessions(run: UpdateRun, exchange: str | None, due: DueAssets) -> SessionsRead:
    """Load what is due: in bulk where that costs less, then asset by asset."""
    turns = await _take_turns(run, due) if run.asset_ids is None else {}
    done = sum((turn.steps for turn in turns.values()), UpdateSteps())
    through = {name: turn.through for name, turn in turns.items() if turn.through}
    left = frozenset(name for name, turn in turns.items() if turn.is_left)
    if run.goes_on(done):
        due = await find_due(run, exchange, through, left)
        run.reader.seen |= await run.bulk.sightings()
        run.reader.named |= await run.store.suspicions.to_reload()
        done += await read_histories(run, due.claim)
        await run.reader.calendars.learn()
    if not isinstance(done.ended_by, VendorUnavailable):
        # Only now: a vendor or an address that knows nothing has refused bulk to no key.
        for name in (name for name, turn in turns.items() if not turn.has_bulk):
            await run.quota.note_refusal(Endpoint.BULK, name, run.now)
    return SessionsRead(
        done,
        frozenset(name for name, turn in turns.items() if not turn.is_expected),
        left,
    )


@dataclass(frozen=True, slots=True)
class ExchangeTurn:
    """What a run's turn at an exchange brought.

    Assets are read individually `through` a session; None is all that are published. Unless
    `is_expected`, the last session is not to be had in this run. `has_bulk`: the vendor's plan has
    bulk for it. Of an exchange that `is_left` to another run, or to a later pass, only what was
    never loaded is read.
    """

    steps: UpdateSteps = field(default_factory=UpdateSteps)
    through: date | None = None
    is_expected: bool = True
    has_bulk: bool = True
    is_left: bool = False


_LEFT = ExchangeTurn(is_expected=False, is_left=True)


async def _take_turns(run: UpdateRun, due: DueAssets) -> dict[str, ExchangeTurn]:
    """Do what exchanges need as a whole, one after the other."""
    turns, done = dict[str, ExchangeTurn](), UpdateSteps()
    plans, seen = await plans_of(run, due.behind), await run.bulk.sightings()
    others = {**due.behind}
    for name, backlog in due.behind.items():
        others.pop(name)
        is_unseen = is_newest_unseen(backlog, seen.get(name))
        if run.goes_on(done) and (plans[name].sessions or is_unseen):
            turns[name] = turn = await _take_turn(run, name, others)
            done += turn.steps
    return turns


async def _take_turn(run: UpdateRun, exchange: str, others: Backlog) -> ExchangeTurn:
    """Read an exchange's probes and its sessions in bulk, unless another run is at work on it."""
    async with run.turn(exchange) as is_ours:
        if not is_ours:
            return _LEFT
        # Another run may have been at work: what is due is found again.
        due = await find_due(run, exchange)
        if run.worker_pass and exchange not in due.lacking:
            return ExchangeTurn(is_expected=False)
        plan = await plan_of(run, exchange, due, others)
        probed = await ask_probes(run, exchange, due, plan)
        if probed.has_asked:
            last = {exchange: probed.through} if probed.through else {}
            due = await find_due(run, exchange, last)
            plan = await plan_of(run, exchange, due, others)
        if not run.goes_on(probed.steps):
            return replace(_LEFT, steps=_settled(run, probed.steps))
        found = await _in_bulk(run, exchange, plan, due) if plan.sessions else None
        return await _noted(run, exchange, plan, probed, found)


async def _noted(
    run: UpdateRun, exchange: str, plan: FetchPlan, probed: Probed, found: BulkResult | None
) -> ExchangeTurn:
    """Return what a turn brought; note what was requested of the exchange, and what is late."""
    through, has_bulk, steps = probed.through, True, probed.steps
    if found:
        steps, has_bulk = steps + found.steps, found.has_bulk
        run.reader.named |= found.named
        if has_bulk and found.held_back:
            # What is not published in bulk, or waits for the calls of a bulk session, is not
            # fetched individually.
            through = await asyncio.to_thread(
                session_before, exchange, found.held_back, run.calendars
            )
    if run.goes_on(steps) and not steps.paused_by:
        turns, last = run.store.turns, plan.sessions[-1:]
        if through:
            await turns.note(WholeRequest.LATE, exchange, through)
        elif (last or probed.has_asked) and exchange not in await run.lately(WholeRequest.LATE):
            await turns.forget(WholeRequest.LATE, exchange)
        if last:
            await turns.note(WholeRequest.BULK, exchange, through or last[0])
    is_expected = not (through if run.worker_pass else probed.through)
    return ExchangeTurn(_settled(run, steps), through, is_expected, has_bulk)


async def _in_bulk(run: UpdateRun, exchange: str, plan: FetchPlan, due: DueAssets) -> BulkResult:
    """Advance an exchange in bulk as planned."""
    own = {segment: last for segment, last in due.published.items() if segment.exchange == exchange}
    result = await BulkUpdate(run, exchange, own, plan.look_back).over(plan.sessions)
    if result.has_bulk:
        await run.quota.note_refusal(Endpoint.BULK, exchange, None)
    else:
        text = f"the plan has no bulk: {plan.in_bulk:,} assets are fetched individually"
        run.observe(Warned(exchange, text))
    return result
