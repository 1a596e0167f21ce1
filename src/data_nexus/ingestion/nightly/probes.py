"""Read a few liquid assets of an exchange first: has it traded, and on which days?

What they show against the calendar is learned before the rest is asked. Of an exchange whose probes
have no bar of the last session nothing newer is asked in this update: it is shut, or late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date

from data_nexus.database.store import Due
from data_nexus.domain.calendar.evidence import LEAST_ASSETS
from data_nexus.domain.planning.bulk_or_single import (
    CALLS_A_SESSION,
    BacklogGroup,
    FetchPlan,
)
from data_nexus.domain.planning.due import MarketSegment, sessions_up_to
from data_nexus.domain.planning.probing import (
    PROBES,
    first_questions,
    needs_probes,
    unseen_sessions,
)
from data_nexus.events import Warned
from data_nexus.ingestion.nightly.context import UpdateRun

# An asset with a bar of one of so many last sessions may be a probe: a single asset can be ahead.
_SESSIONS = 3


async def ask_probes(
    run: UpdateRun,
    behind: Mapping[str, Sequence[BacklogGroup]],
    published: Mapping[MarketSegment, date],
    plans: Mapping[str, FetchPlan],
) -> bool:
    """Read the probes of each exchange that needs them; False if there was none."""
    calendars, seen = await run.reader.calendars.load(), await run.bulk.sightings()
    left = (await run.requester.ledger.known()).left
    has_asked = False
    for name, backlog in behind.items():
        last = seen.get(name)
        unseen = await asyncio.to_thread(unseen_sessions, calendars, name, backlog, last)
        in_bulk = bool(plans[name].sessions)
        if in_bulk and left is not None and left < CALLS_A_SESSION:
            # The day does not pay for the session.
            continue
        if last and not run.is_over and needs_probes(unseen, last, in_bulk=in_bulk):
            out = [p for p, day in published.items() if p.exchange == name and day >= unseen[-1]]
            has_asked |= await _ask(run, name, out, last, unseen)
    if has_asked:
        await run.reader.calendars.learn()
    return has_asked


async def _ask(
    run: UpdateRun,
    exchange: str,
    segments: Sequence[MarketSegment],
    seen: date,
    unseen: Sequence[date],
) -> bool:
    """Read the probes of an exchange; note up to where it was seen if the newest session is not."""
    calendars = run.reader.calendars
    since = sessions_up_to(exchange, seen, _SESSIONS - 1, calendars.known)[0]
    probes = await run.store.calendars.probes(exchange, segments, since, seen)
    if len(probes) < LEAST_ASSETS:
        return False
    asset_ids, count = list(probes), first_questions(unseen, probes.values())
    before = calendars.answers(exchange)
    await _read(run, exchange, asset_ids[:count])
    reached = (await run.bulk.sightings())[exchange]
    if count < PROBES and reached > seen:
        # It trades again; on which days, several assets must say.
        await _read(run, exchange, asset_ids[count:PROBES])
    if count == PROBES and reached == seen:
        # A few may be late.
        await _read(run, exchange, asset_ids[count:])
        reached = (await run.bulk.sightings())[exchange]
    if reached < unseen[-1] and calendars.answers(exchange) > before:
        run.unseen_after[exchange] = reached
        text = f"no bar of {unseen[-1]} from the assets asked: the exchange is shut, or late"
        run.observe(Warned(exchange, text))
    return True


async def _read(run: UpdateRun, exchange: str, asset_ids: list[int]) -> None:
    due = Due(await run.store.runs.moment(), exchange, asset_ids)
    await run.read_histories(due, is_probing=True)
