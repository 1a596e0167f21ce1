"""Read a few liquid assets of an exchange first: has it traded, and on which days?

What they show against the calendar is learned before the rest is asked. Of an exchange whose probes
have no bar of the last session nothing newer is asked in this update: it is shut, or late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from data_nexus.database.store import Due
from data_nexus.domain.calendar.evidence import LEAST_ASSETS
from data_nexus.domain.planning.bulk_or_single import CALLS_A_SESSION, FetchPlan
from data_nexus.domain.planning.due import MarketSegment, sessions_up_to
from data_nexus.domain.planning.probing import (
    PROBES,
    first_questions,
    needs_probes,
    unseen_sessions,
)
from data_nexus.events import Warned
from data_nexus.ingestion.nightly.context import UpdateRun, read_histories
from data_nexus.ingestion.nightly.due import DueAssets
from data_nexus.ingestion.reports.run_report import UpdateSteps

# An asset with a bar of one of so many last sessions may be a probe: a single asset can be ahead.
_SESSIONS = 3


@dataclass(frozen=True, slots=True)
class Probed:
    """What the probes of an exchange have shown.

    `through` is the last session seen if the newest one, which should be published, was not.
    """

    has_asked: bool = False
    through: date | None = None
    steps: UpdateSteps = field(default_factory=UpdateSteps)


async def ask_probes(run: UpdateRun, exchange: str, due: DueAssets, plan: FetchPlan) -> Probed:
    """Read the probes of an exchange if it needs them."""
    calendars, seen = await run.reader.calendars.load(), await run.bulk.sightings()
    left = (await run.requester.ledger.known()).left
    last, backlog = seen.get(exchange), due.behind.get(exchange, [])
    unseen = await asyncio.to_thread(unseen_sessions, calendars, exchange, backlog, last)
    in_bulk = bool(plan.sessions)
    if in_bulk and left is not None and left < CALLS_A_SESSION:
        # The day does not pay for the session.
        return Probed()
    if not last or not needs_probes(unseen, last, in_bulk=in_bulk):
        return Probed()
    out = [p for p, day in due.published.items() if p.exchange == exchange and day >= unseen[-1]]
    probed = await _ask(run, exchange, out, last, unseen)
    if probed.has_asked:
        await run.reader.calendars.learn()
    return probed


async def _ask(
    run: UpdateRun,
    exchange: str,
    segments: Sequence[MarketSegment],
    seen: date,
    unseen: Sequence[date],
) -> Probed:
    """Read the probes of an exchange; say up to where it was seen if the newest session is not."""
    calendars = run.reader.calendars
    since = sessions_up_to(exchange, seen, _SESSIONS - 1, calendars.known)[0]
    probes = await run.store.calendars.probes(exchange, segments, since, seen)
    if len(probes) < LEAST_ASSETS:
        return Probed()
    asset_ids, count = list(probes), first_questions(unseen, probes.values())
    before = calendars.answers(exchange)
    steps = await _read(run, exchange, asset_ids[:count])
    reached = (await run.bulk.sightings())[exchange]
    if count < PROBES and reached > seen and run.goes_on(steps):
        # It trades again; on which days, several assets must say.
        steps += await _read(run, exchange, asset_ids[count:PROBES])
    was_answered = calendars.answers(exchange) > before
    if count == PROBES and reached == seen and was_answered and run.goes_on(steps):
        # A few may be late.
        steps += await _read(run, exchange, asset_ids[count:])
        reached = (await run.bulk.sightings())[exchange]
    if reached >= unseen[-1] or calendars.answers(exchange) <= before:
        return Probed(has_asked=True, steps=steps)
    text = f"no bar of {unseen[-1]} from the assets asked: the exchange is shut, or late"
    run.observe(Warned(exchange, text))
    return Probed(has_asked=True, through=reached, steps=steps)


async def _read(run: UpdateRun, exchange: str, asset_ids: list[int]) -> UpdateSteps:
    due = Due(await run.store.runs.moment(), exchange, asset_ids)
    return await read_histories(run, due, is_probing=True)
