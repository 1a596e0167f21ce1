"""Owns `UpdateRun`: what every step of an update works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from data_nexus.config import Settings
from data_nexus.database.store import Due, Store
from data_nexus.database.store.quota import QuotaLedger
from data_nexus.database.store.sessions import BulkSessions
from data_nexus.errors import NexusError
from data_nexus.events import Observer, observers
from data_nexus.ingestion.fetching.drain import Drain, DrainableRequester
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.histories.engine import Engine
from data_nexus.ingestion.histories.reader import HistoryReader
from data_nexus.ingestion.history_loader import engine_limits
from data_nexus.ingestion.run_report import AuditReport, ListRead
from data_nexus.ingestion.run_totals import RunTotals
from data_nexus.ingestion.wiring import foreseen

# So many requests of a session, one after the other, may come in the grace of a drain, and leave
# time to write.
_REQUESTS_A_GRACE = 4
# A session's rows are all there at once: more of them share a transaction than of histories.
_BATCHES_TOGETHER = 2


@dataclass(slots=True)
class UpdateRun:
    """One update at the moment `now`; its steps share the totals and the requester.

    Whatever its steps report goes to the totals and to `listener`.

    `lists` and `log` say what each symbol list and each session in bulk cost and brought, `audit`
    what the audit did; `ended_by` is the `Stop` or `Pause` that made it claim nothing more;
    `paused_by` one that concerns sessions in bulk only: what needs fewer calls goes on.
    """

    settings: Settings
    store: Store
    requester: Requester
    listener: Observer
    drain: Drain
    now: datetime
    run_id: int
    reader: HistoryReader
    totals: RunTotals = field(default_factory=RunTotals)
    ended_by: NexusError | None = None
    paused_by: NexusError | None = None
    log: list[dict[str, Any]] = field(default_factory=list)
    lists: list[ListRead] = field(default_factory=list)
    audit: AuditReport | None = None

    @property
    def observe(self) -> Observer:
        """The observer of the run's steps."""
        return observers(self.listener, self.totals.note)

    @property
    def quota(self) -> QuotaLedger:
        """The quota of the token, and what it was refused."""
        return self.store.quota(self.settings.require_token())

    @property
    def bulk(self) -> BulkSessions:
        """The verbs for bulk answers."""
        return self.store.sessions.in_parts_of(_BATCHES_TOGETHER * self.settings.batch_rows)

    @property
    def is_over(self) -> bool:
        """Whether nothing more shall be asked for."""
        return self.ended_by is not None or self.drain.requested.is_set()

    @property
    def drainable(self) -> DrainableRequester:
        """The way to the vendor for what is asked for one by one."""
        grace_sec = self.settings.grace_seconds / _REQUESTS_A_GRACE
        return DrainableRequester(self.requester, self.drain, grace_sec)

    async def read_histories(self, due: Due, limit: int | None = None) -> None:
        """Ask for the histories of what is due, one by one; note what ended the run early."""
        if self.is_over:
            return
        engine = Engine(
            store=self.store,
            requester=self.requester,
            limits=engine_limits(self.settings),
            observe=self.observe,
            drain=self.drain,
            run_id=self.run_id,
            reader=self.reader,
        )
        try:
            await engine.run(due, limit)
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        self.ended_by = engine.ended_by
        await self.bulk.mark_absent_through(self.reader.known_absent())
        self.reader.too_early.clear()
