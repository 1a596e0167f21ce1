"""`UpdateRun`: what every step of an update works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from data_nexus.config import Settings
from data_nexus.database.store import Due, Store
from data_nexus.database.store.bulk.sessions import BulkSessions
from data_nexus.database.store.quota import QuotaLedger
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.errors import NexusError
from data_nexus.events import Observer, observers
from data_nexus.ingestion.fetching.drain import Drain, DrainableRequester
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.histories.engine import Engine
from data_nexus.ingestion.histories.reader import HistoryReader
from data_nexus.ingestion.history_loader import engine_limits
from data_nexus.ingestion.reports.discovered import Discovered
from data_nexus.ingestion.reports.run_report import (
    AuditReport,
    LookBackReport,
    SessionReport,
    UpdateSteps,
)
from data_nexus.ingestion.reports.run_totals import RunTotals
from data_nexus.ingestion.wiring import foreseen

# A session's requests that must fit into the grace of a drain one after the other, with time left
# to write.
_REQUESTS_A_GRACE = 4
# A session's rows are all there at once: more of them share a transaction than of histories.
_BATCHES_TOGETHER = 2


@dataclass(slots=True)
class UpdateRun:
    """One update at the moment `now`; its steps share the totals and the requester.

    Whatever its steps report goes to the totals and to `listener`.

    `lists` and `log` say what each symbol list and each session in bulk cost and brought, `audit`
    what the audit did; `ended_by` is the `Stop` or `Pause` that made it claim nothing more;
    `paused_by` one that concerns sessions in bulk only: what needs fewer calls continues.
    `without_bulk` are the exchanges for which bulk was refused. `unseen_after` is the last session
    of each exchange whose probes have no newer bar, although one should be published.
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
    log: list[SessionReport] = field(default_factory=list)
    looked_back: list[LookBackReport] = field(default_factory=list)
    lists: list[Discovered] = field(default_factory=list)
    audit: AuditReport | None = None
    without_bulk: list[str] = field(default_factory=list)
    unseen_after: dict[str, date] = field(default_factory=dict)

    @property
    def observe(self) -> Observer:
        """The observer of the run's steps."""
        return observers(self.listener, self.totals.note)

    @property
    def calendars(self) -> Calendars:
        """The calendars with what is learned by now."""
        return self.reader.calendars.known

    @property
    def quota(self) -> QuotaLedger:
        """The quota of the token, and what it was refused."""
        return self.store.quota(self.settings.require_token())

    @property
    def bulk(self) -> BulkSessions:
        """The store of bulk sessions, in transactions of a size for them."""
        return self.store.sessions.in_parts_of(_BATCHES_TOGETHER * self.settings.batch_rows)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be fetched."""
        return self.ended_by is not None or self.drain.requested.is_set()

    @property
    def drainable(self) -> DrainableRequester:
        """The requester, cut short by a drain."""
        grace_sec = self.settings.grace_seconds / _REQUESTS_A_GRACE
        return DrainableRequester(self.requester, self.drain, grace_sec)

    def steps(self) -> UpdateSteps:
        """Return what the steps have reported so far."""
        return UpdateSteps(tuple(self.lists), tuple(self.log), tuple(self.looked_back), self.audit)

    async def read_histories(
        self, due: Due, limit: int | None = None, *, is_probing: bool = False
    ) -> None:
        """Fetch the histories of what is due individually; note what ended the run early."""
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
            is_probing=is_probing,
        )
        try:
            await engine.run(due, limit)
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        self.ended_by = engine.ended_by
        await self.bulk.mark_absent_through(self.reader.known_absent())
        self.reader.too_early.clear()
