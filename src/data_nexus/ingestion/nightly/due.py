"""Find what is due by the calendar, for an update or a worker's pass, and how to fetch it.

What was requested lately in vain is not due to a pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from data_nexus.database.store import Due
from data_nexus.database.store.bulk.exchange_turns import WholeRequest
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.bulk_or_single import BacklogGroup, FetchPlan, all_individually
from data_nexus.domain.planning.due import (
    PROBED_AFTER,
    MarketSegment,
    answered_before,
    behind_by_exchange,
    fetch_plans,
    lacking_a_session,
    published_at,
)
from data_nexus.ingestion.fetching.drain import unless_drained
from data_nexus.ingestion.nightly.context import UpdateRun

# The last session to load of an exchange of which only what was never loaded is read.
NEVER_LOADED = date.min
Backlog = Mapping[str, list[BacklogGroup]]
Through = Mapping[str, date]
ALL_SESSIONS: Through = {}


@dataclass(frozen=True, slots=True)
class DueAssets:
    """The assets that are due, by exchange, and the last session to load by market segment."""

    published: Mapping[MarketSegment, date] = field(default_factory=dict)
    behind: Backlog = field(default_factory=dict)

    @property
    def assets(self) -> int:
        """How many assets are due."""
        return sum(group.assets for groups in self.behind.values() for group in groups)

    @property
    def lacking(self) -> set[str]:
        """The exchanges with a published session that an already loaded asset lacks."""
        return lacking_a_session(self.behind)


async def find_due(
    run: UpdateRun, exchange: str | None, through: Through = ALL_SESSIONS
) -> DueAssets:
    """Return what is due of an exchange, or of all; of some only `through` a session."""
    queued = await run.bulk.queued(exchange, run.now)
    segments, calendars = {group.segment for group in queued}, await run.reader.calendars.load()
    published = await asyncio.to_thread(published_at, segments, run.now, calendars)
    late = await run.lately(WholeRequest.LATE)
    for last in (late, through):
        published = {p: min(d, last.get(p.exchange) or d) for p, d in published.items()}
    behind = behind_by_exchange(queued, published)
    if run.worker_pass and behind:
        queued = await run.store.leases.claimable(await due_individually(run, published))
        behind = behind_by_exchange(queued, published)
    return DueAssets(published, behind)


async def due_individually(run: UpdateRun, published: Mapping[MarketSegment, date]) -> Due:
    """Return what a walk along the queue claims of the assets that lack a published session."""
    due = Due(await run.store.runs.moment(), published=published)
    if run.worker_pass is None:
        return due
    before = await asyncio.to_thread(
        answered_before,
        {*published},
        run.now,
        run.worker_pass.began,
        timedelta(seconds=run.worker_pass.late_sec),
        run.calendars,
    )
    return Due(due.synced_before, published=published, answered_before=before)


async def plans_of(run: UpdateRun, behind: Backlog) -> dict[str, FetchPlan]:
    """Return the cheapest fetch plan of each exchange that the vendor's plan allows.

    To a pass, sessions that were fetched in bulk lately are not worth it again.
    """
    plans = await asyncio.to_thread(
        fetch_plans,
        behind,
        await run.quota.refused(Endpoint.BULK, run.now - PROBED_AFTER),
        await unless_drained(run.drain, run.requester.quota.calls_a_day()),
        (await run.requester.ledger.known()).left,
        run.settings.look_back,
        await run.bulk.unsettled(),
        run.calendars,
    )
    for name, last in (await run.lately(WholeRequest.BULK)).items():
        if name in plans and last and all(each <= last for each in plans[name].sessions):
            plans[name] = all_individually(behind[name])
    return plans


async def plan_of(run: UpdateRun, exchange: str, due: DueAssets, others: Backlog) -> FetchPlan:
    """Return the fetch plan of one exchange; the calls must do for those of others, too."""
    if exchange not in due.behind:
        return all_individually([])
    return (await plans_of(run, {**others, exchange: due.behind[exchange]}))[exchange]
