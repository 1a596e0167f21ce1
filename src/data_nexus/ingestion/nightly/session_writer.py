"""Write a session of an exchange: its prices, its actions, and the rows that were rejected."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from data_nexus.database.store import Store
from data_nexus.database.store.bulk.sessions import (
    NOTHING_SETTLED,
    Advanced,
    BulkSessions,
    CandidateIndex,
    SessionScope,
    Settling,
)
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.bulk_session import BulkSession, RejectedBulkRow, flag_counts
from data_nexus.events import FeedRejected, Observer, SessionAdvanced, TransactionCommitted, Warned
from data_nexus.ingestion.nightly.bulk_totals import BulkTotals
from data_nexus.ingestion.nightly.bulk_writes import in_parts
from data_nexus.ingestion.nightly.feeds import BulkFeeds


@dataclass(frozen=True, slots=True)
class SessionWriter:
    """Writes sessions, each in parts and some at once, and counts what became of the assets.

    `named` are the assets to reload.
    """

    exchange: str
    store: Store
    sessions: BulkSessions
    observe: Observer
    run_id: int
    writers: int
    totals: BulkTotals
    named: set[Symbol] = field(default_factory=set)

    async def advance(
        self,
        scope: SessionScope,
        survey: CandidateIndex,
        bulk_session: BulkSession,
        unbroken_since: date,
        settling: Settling = NOTHING_SETTLED,
    ) -> list[Advanced]:
        """Advance the assets of a survey by a session; return what each transaction did."""

        async def write(part: tuple[int, int]) -> Advanced:
            started = time.monotonic()
            advanced = await self.sessions.advance(
                scope, bulk_session, unbroken_since, self.run_id, part, settling
            )
            self._report(bulk_session, advanced, time.monotonic() - started)
            self.totals.add(advanced)
            return advanced

        return await in_parts(survey.parts, write, self.writers)

    async def with_actions(self, bulk_session: BulkSession, feeds: BulkFeeds) -> BulkSession:
        """Fetch the session's actions, store them, and name the assets that have one."""
        exchange, session = self.exchange, bulk_session.session
        found = await feeds.actions(session)
        await self.store.session_feeds.store_actions(exchange, found.splits, found.dividends)
        if found.rejects:
            counts = Counter(row.rule for row in found.rejects)
            self.observe(FeedRejected(exchange, session.isoformat(), counts))
        await self._store_rejects(session, bulk_session.rejected_rows + found.rejects)
        return replace(bulk_session, named=bulk_session.named | found.named)

    async def _store_rejects(self, session: date, rows: Sequence[RejectedBulkRow]) -> None:
        if rows:
            unmatched = await self.store.session_feeds.store_rejects(self.exchange, session, rows)
            text = f"{len(rows):,} rows of {session} cannot be read"
            self.observe(Warned(self.exchange, f"{text}; {unmatched:,} of them name no asset"))

    def _report(self, bulk_session: BulkSession, advanced: Advanced, seconds: float) -> None:
        found = advanced.classified
        self.named.update(Symbol(code, self.exchange) for code in found.to_reload)
        assets = len(found.stored) + len(found.rejected) + len(found.absent)
        self.observe(TransactionCommitted(assets, len(found.stored), seconds))
        self.observe(
            SessionAdvanced(
                exchange=self.exchange,
                session=str(bulk_session.session),
                assets=assets,
                stored=len(found.stored),
                rejected=len(found.rejected),
                flagged=flag_counts(bulk_session, found.rows),
                rejected_by_rule=Counter(advanced.rejected_rules),
            )
        )
