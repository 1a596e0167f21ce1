"""Owns the nightly update as one call: what is due by the calendar, got in the cheapest way.

Exchange by exchange: sessions in bulk where that costs less, then everything that is left due,
asset by asset, by the engine that also loads histories.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from data_nexus.config import Settings
from data_nexus.database.bulk_store import BulkStore
from data_nexus.database.ledger_store import token_id
from data_nexus.database.store import Due, Store
from data_nexus.domain.cheapest import Way
from data_nexus.domain.cost import Endpoint
from data_nexus.domain.due import (
    PROBED_AFTER,
    Place,
    behind_by_exchange,
    published_at,
    session_before,
    ways,
)
from data_nexus.errors import NexusError, Pause, Stop
from data_nexus.events import Observer, RunFinished, RunStarted, Warned
from data_nexus.ingestion.attempts import Attempts
from data_nexus.ingestion.bulk_update import BulkUpdate
from data_nexus.ingestion.engine import Drain, Engine
from data_nexus.ingestion.history_loader import Report, outcome_of, pace_of, reader_of
from data_nexus.ingestion.history_reader import HistoryReader
from data_nexus.ingestion.opening import ONE_SHOT, Errand, foreseen, open_run
from data_nexus.ingestion.tally import Tally


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
        await night.run(exchange)
        figures = night.tally.figures(time.monotonic() - started) | {"bulk": night.log}
        report = Report(figures, night.ended_by, drain.reason)
        await store.finish_run(night.run_id, outcome_of(report), figures)
        observe(RunFinished("update", outcome_of(report), figures["duration_sec"]))
        return report


@dataclass(slots=True)
class Night:
    """One update; `log` says what each session in bulk cost and brought."""

    settings: Settings
    store: Store
    attempts: Attempts
    observe: Observer
    drain: Drain
    now: datetime
    run_id: int
    reader: HistoryReader
    tally: Tally = field(default_factory=Tally)
    ended_by: NexusError | None = None
    log: list[dict[str, Any]] = field(default_factory=list)

    async def run(self, exchange: str | None) -> None:
        """Bring forward what is due, of one exchange or of all."""
        bulk = self.store.bulk()
        queued = await bulk.queued(exchange)
        published = await asyncio.to_thread(
            published_at, {group.place for group in queued}, self.now
        )
        behind = behind_by_exchange(queued, published)
        due = sum(group.assets for groups in behind.values() for group in groups)
        self.observe(RunStarted("update", due))
        if not due:
            return
        refused = await bulk.refused(self._token_id, Endpoint.BULK, self.now - PROBED_AFTER)
        chosen = await asyncio.to_thread(ways, behind, refused)
        try:
            for name, way in chosen.items():
                published = await self._in_bulk(bulk, name, way, published)
        except (Stop, Pause) as error:
            self.ended_by = error
            return
        finally:
            self._count_account()
        self.reader.seen |= await bulk.sightings()
        await self._singly(published)

    @property
    def _token_id(self) -> str:
        return token_id(self.settings.require_token())

    async def _in_bulk(
        self, bulk: BulkStore, exchange: str, way: Way, published: Mapping[Place, date]
    ) -> dict[Place, date]:
        """Carry an exchange on in bulk; return what is left to be asked for by place."""
        if not way.sessions or self.drain.wished.is_set():
            return dict(published)
        update = BulkUpdate(
            exchange=exchange,
            published={p: day for p, day in published.items() if p.exchange == exchange},
            store=bulk,
            attempts=self.attempts,
            observe=self.observe,
            drain=self.drain,
            redact=self.reader.redact,
            run_id=self.run_id,
            writers=self.settings.writers,
            tally=self.tally,
        )
        has_bulk = await update.run(way.sessions)
        self.log += update.log
        self.reader.named |= update.named
        moment = None if has_bulk else self.now
        await bulk.note_refusal(self._token_id, Endpoint.BULK, exchange, moment)
        if not has_bulk:
            text = f"the plan has no bulk: {way.in_bulk:,} assets are asked for one by one"
            self.observe(Warned(exchange, text))
            return dict(published)
        if update.held_back is None:
            return dict(published)
        # What is not out in bulk is not asked for singly either.
        last = await asyncio.to_thread(session_before, exchange, update.held_back)
        return {p: min(d, last) if p.exchange == exchange else d for p, d in published.items()}

    async def _singly(self, published: Mapping[Place, date]) -> None:
        if self.drain.wished.is_set():
            return
        engine = Engine(
            store=self.store,
            attempts=self.attempts,
            pace=pace_of(self.settings),
            observe=self.observe,
            drain=self.drain,
            run_id=self.run_id,
            reader=self.reader,
            tally=self.tally,
        )
        try:
            await engine.run(Due(self.now, published=published), None)
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        self.ended_by = engine.ended_by

    def _count_account(self) -> None:
        self.tally.count_spent(self.attempts.account_requests)
        self.attempts.account_requests.clear()
