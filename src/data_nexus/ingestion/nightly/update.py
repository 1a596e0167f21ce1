"""Owns the nightly update as one call: what is due by the calendar, got in the cheapest way.

First the symbol lists that are old, for what is new on them is due as well. Then exchange by
exchange: sessions in bulk where that costs less, then everything that is left due, asset by asset,
by the engine that also loads histories. Then the actions of those assets whose bars show that some
are not stored, and last the audit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from data_nexus.config import Settings
from data_nexus.database.store import Due
from data_nexus.database.store.sessions import BulkStore
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.bulk_or_single import Behind, Way
from data_nexus.domain.planning.due import (
    PROBED_AFTER,
    Place,
    behind_by_exchange,
    lacking_a_session,
    published_at,
    session_before,
    ways,
)
from data_nexus.errors import Pause, Stop
from data_nexus.events import Observer, RunFinished, RunStarted, Warned
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import Report, outcome_of, reader_of
from data_nexus.ingestion.nightly.actions import read_actions, wanting
from data_nexus.ingestion.nightly.audit import audit
from data_nexus.ingestion.nightly.bulk import BulkUpdate
from data_nexus.ingestion.nightly.context import Night
from data_nexus.ingestion.nightly.symbol_lists import refresh_lists
from data_nexus.ingestion.wiring import ONE_SHOT, Errand, open_run


async def update(
    settings: Settings,
    url: str,
    exchange: str | None,
    observe: Observer,
    drain: Drain,
    errand: Errand = ONE_SHOT,
    now: datetime | None = None,
) -> Report:
    """Make an exchange, or all, complete as of the last session that is out by `now`; report.

    Without `now` the moment is the database's. When nothing is due, nothing is asked for. Raises
    `UsageError` for an exchange without assets.
    """
    started = time.monotonic()
    async with open_run(settings, url, observe, errand) as (store, attempts):
        if exchange:
            await store.bulk().require_exchange(exchange)
        now = now or await store.days_ago(0)
        await store.wake_absent(now)
        await store.free_lost_leases()
        night = Night(
            settings=settings,
            url=url,
            store=store,
            attempts=attempts,
            observe=observe,
            drain=drain,
            now=now,
            run_id=await store.start_run("update"),
            reader=replace(reader_of(settings, store, attempts, observe), now=now),
        )
        try:
            await _bring_forward(night, exchange)
        except (Stop, Pause) as error:
            night.ended_by = error
        finally:
            night.count_account()
        figures = night.tally.figures(time.monotonic() - started)
        figures |= {"lists": night.lists, "bulk": night.log, "audit": night.audit}
        report = Report(figures, night.ended_by, drain.reason)
        await store.finish_run(night.run_id, outcome_of(report), figures)
        observe(RunFinished("update", outcome_of(report), figures["duration_sec"]))
        return report


async def _bring_forward(night: Night, exchange: str | None) -> None:
    """Bring forward what is due, of one exchange or of all, and read the actions it wants."""
    published, behind = await _due(night, exchange)
    await refresh_lists(night, lacking_a_session(behind))
    if night.lists:
        published, behind = await _due(night, exchange)
    due = sum(group.assets for groups in behind.values() for group in groups)
    wanted = sum((await wanting(night, exchange)).values())
    night.observe(RunStarted("update", due + wanted))
    if due:
        await _read_sessions(night, behind, published)
    await read_actions(night, exchange)
    if lacking_a_session(behind) and not night.paused_by:
        await audit(night, exchange)
        # What it found is explained in the same night: the next may be one that costs nothing.
        await read_actions(night, exchange)
    night.ended_by = night.ended_by or night.paused_by


async def _read_sessions(
    night: Night, behind: Mapping[str, list[Behind]], published: dict[Place, date]
) -> None:
    """Bring forward what is due: in bulk where that costs less, then asset by asset."""
    bulk = night.bulk
    for name, way in (await _ways(night, behind)).items():
        if way.sessions and not night.is_over:
            async with bulk.alone_with(name, night.drain.wished) as waited:
                # Where another update was at it, who lacks what is to be asked anew.
                still = await _way_now(night, name) if waited else way
                published = await _in_bulk(night, bulk, name, still, published)
    night.reader.seen |= await bulk.sightings()
    await night.read_histories(Due(await night.store.days_ago(0), published=published))


async def _ways(night: Night, behind: Mapping[str, list[Behind]]) -> dict[str, Way]:
    """Return the cheapest way of each exchange, by what the plan allows."""
    since = night.now - PROBED_AFTER
    refused = await night.bulk.refused(night.token_id, Endpoint.BULK, since)
    whole_day = await night.attempts.calls_a_day()
    return await asyncio.to_thread(ways, behind, refused, whole_day)


async def _way_now(night: Night, exchange: str) -> Way:
    _, behind = await _due(night, exchange)
    return (await _ways(night, behind)).get(exchange, Way((), 0, 0))


async def _due(
    night: Night, exchange: str | None
) -> tuple[dict[Place, date], dict[str, list[Behind]]]:
    """Return the last session that is out by place, and by exchange who lacks some."""
    queued = await night.bulk.queued(exchange, night.now)
    published = await asyncio.to_thread(published_at, {group.place for group in queued}, night.now)
    return published, behind_by_exchange(queued, published)


async def _in_bulk(
    night: Night, bulk: BulkStore, exchange: str, way: Way, published: Mapping[Place, date]
) -> dict[Place, date]:
    """Carry an exchange on in bulk; return what is left to be asked for by place."""
    if not way.sessions or night.is_over:
        return dict(published)
    update = BulkUpdate(
        exchange=exchange,
        published={p: day for p, day in published.items() if p.exchange == exchange},
        store=bulk,
        way=night.way,
        observe=night.observe,
        redact=night.reader.redact,
        run_id=night.run_id,
        writers=night.settings.writers,
        tally=night.tally,
    )
    try:
        has_bulk = await update.run(way.sessions)
    finally:
        night.log += update.log
        night.reader.named |= update.named
    night.paused_by = night.paused_by or update.ended_by
    moment = None if has_bulk else night.now
    await bulk.note_refusal(night.token_id, Endpoint.BULK, exchange, moment)
    if not has_bulk:
        text = f"the plan has no bulk: {way.in_bulk:,} assets are asked for one by one"
        night.observe(Warned(exchange, text))
        return dict(published)
    if update.held_back is None:
        return dict(published)
    # What is not out in bulk, or waits for the calls that bulk needs, is not asked for singly.
    last = await asyncio.to_thread(session_before, exchange, update.held_back)
    return {p: min(d, last) if p.exchange == exchange else d for p, d in published.items()}
