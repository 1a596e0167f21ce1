"""Find what is due by the calendar, for an update or a worker's pass, and how to fetch it.

What was requested lately in vain is not due to a pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

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

Backlog = Mapping[str, list[BacklogGroup]]
Through = Mapping[str, date]
ALL_SESSIONS: Through = {}
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DueAssets:
    """The assets that are due, by exchange, and the last session to load by market segment.

    `claim` is what a walk along the queue claims of them.
    """

    published: Mapping[MarketSegment, date]
    behind: Backlog
    claim: Due

    @property
    def assets(self) -> int:
        """How many assets are due."""
        return sum(group.assets for groups in self.behind.values() for group in groups)

    @property
    def lacking(self) -> set[str]:
        """The exchanges with a published session that an already loaded asset lacks."""
        return lacking_a_session(self.behind)


async def find_due(
    run: UpdateRun,
    exchange: str | None,
    through: Through = ALL_SESSIONS,
    left: Collection[str] = (),
) -> DueAssets:
    """Return what is due of an exchange, or of all; of some only `through` a session.

    Of those that a worker's pass has `left` to other runs it is what was never loaded.
    """
    queued = await run.bulk.queued(exchange, run.now, run.asset_ids)
    segments, calendars = {group.segment for group in queued}, await run.reader.calendars.load()
    published = await asyncio.to_thread(published_at, segments, run.now, calendars)
    late = await run.lately(WholeRequest.LATE)
    for last in (late, through):
        published = {p: min(d, last.get(p.exchange) or d) for p, d in published.items()}
    behind = behind_by_exchange(queued, published)
    claim = Due(await run.store.runs.moment(), asset_ids=run.asset_ids, published=published)
    if run.worker_pass and behind:
        claim = replace(claim, answered_before=await _answered_before(run, published, left))
        queued = await run.store.leases.claimable(claim)
        behind = behind_by_exchange(queued, published)
    return DueAssets(published, behind, claim)


async def _answered_before(
    run: UpdateRun, segments: Iterable[MarketSegment], left: Collection[str]
) -> dict[MarketSegment, datetime]:
    """Return before which moment an asset of a segment was answered if a pass requests it."""
    assert run.worker_pass  # noqa: S101 - an update requests whatever is due
    found = await asyncio.to_thread(
        answered_before,
        {*segments},
        run.now,
        run.worker_pass.began,
        timedelta(seconds=run.worker_pass.late_sec),
        run.calendars,
    )
    return found | {segment: _NEVER for segment in found if segment.exchange in left}


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
