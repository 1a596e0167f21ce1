"""Owns the nightly update as one call: what is due by the calendar, got in the cheapest way.

Exchange by exchange: sessions in bulk where that costs less, then everything that is left due,
asset by asset, by the engine that also loads histories, and last the audit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import date, datetime

from data_nexus.config import Settings
from data_nexus.database.bulk_store import BulkStore
from data_nexus.database.store import Due
from data_nexus.domain.cheapest import Way
from data_nexus.domain.cost import Endpoint
from data_nexus.domain.due import (
    PROBED_AFTER,
    Place,
    behind_by_exchange,
    is_session_due,
    published_at,
    session_before,
    ways,
)
from data_nexus.errors import Pause, Stop
from data_nexus.events import Observer, RunFinished, RunStarted, Warned
from data_nexus.ingestion.audit import audit
from data_nexus.ingestion.bulk_update import BulkUpdate
from data_nexus.ingestion.engine import Drain
from data_nexus.ingestion.history_loader import Report, outcome_of, reader_of
from data_nexus.ingestion.night import Night
from data_nexus.ingestion.opening import ONE_SHOT, Errand, open_run


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

    Without `now` the moment is the database's. When nothing is due, nothing is asked for.
    """
    started = time.monotonic()
    async with open_run(settings, url, observe, errand) as (store, attempts):
        await store.wake_absent()
        await store.free_lost_leases()
        night = Night(
            settings=settings,
            store=store,
            attempts=attempts,
            observe=observe,
            drain=drain,
            now=now or await store.days_ago(0),
            run_id=await store.start_run("update"),
            reader=reader_of(settings, store, attempts, observe),
        )
        try:
            await _bring_forward(night, exchange)
        except (Stop, Pause) as error:
            night.ended_by = error
        finally:
            night.count_account()
        figures = night.tally.figures(time.monotonic() - started)
        figures |= {"bulk": night.log, "audit": night.audit}
        report = Report(figures, night.ended_by, drain.reason)
        await store.finish_run(night.run_id, outcome_of(report), figures)
        observe(RunFinished("update", outcome_of(report), figures["duration_sec"]))
        return report


async def _bring_forward(night: Night, exchange: str | None) -> None:
    """Bring forward what is due, of one exchange or of all."""
    bulk = night.store.bulk()
    queued = await bulk.queued(exchange)
    published = await asyncio.to_thread(published_at, {group.place for group in queued}, night.now)
    behind = behind_by_exchange(queued, published)
    due = sum(group.assets for groups in behind.values() for group in groups)
    night.observe(RunStarted("update", due))
    if not due:
        return
    refused = await bulk.refused(night.token_id, Endpoint.BULK, night.now - PROBED_AFTER)
    chosen = await asyncio.to_thread(ways, behind, refused)
    for name, way in chosen.items():
        published = await _in_bulk(night, bulk, name, way, published)
    night.reader.seen |= await bulk.sightings()
    begun = await night.store.days_ago(0)
    await night.read_histories(Due(begun, published=published))
    if is_session_due(behind):
        await audit(night, exchange)


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
        attempts=night.attempts,
        observe=night.observe,
        drain=night.drain,
        redact=night.reader.redact,
        run_id=night.run_id,
        writers=night.settings.writers,
        tally=night.tally,
    )
    has_bulk = await update.run(way.sessions)
    night.log += update.log
    night.reader.named |= update.named
    moment = None if has_bulk else night.now
    await bulk.note_refusal(night.token_id, Endpoint.BULK, exchange, moment)
    if not has_bulk:
        text = f"the plan has no bulk: {way.in_bulk:,} assets are asked for one by one"
        night.observe(Warned(exchange, text))
        return dict(published)
    if update.held_back is None:
        return dict(published)
    # What is not out in bulk is not asked for singly either.
    last = await asyncio.to_thread(session_before, exchange, update.held_back)
    return {p: min(d, last) if p.exchange == exchange else d for p, d in published.items()}
