"""Write a session of an exchange: its prices, its actions, and the rows that were rejected."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from data_nexus.database.store import Store
from data_nexus.database.store.bulk.sessions import (
    NOTHING_SETTLED,
    Advanced,
    BulkSessions,
    CandidateIndex,
    SessionScope,
    Settling,
)
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.planning.due import session_before, sessions_up_to
from data_nexus.domain.planning.gaps import DEEPEST, recheck_gaps
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import counted
from data_nexus.domain.validation.bulk_session import BulkSession, RejectedBulkRow, flag_counts
from data_nexus.errors import RowsRefused
from data_nexus.events import FeedRejected, Observer, SessionAdvanced, TransactionCommitted, Warned
from data_nexus.ingestion.fetching.drain import NOT_FETCHED
from data_nexus.ingestion.nightly.bulk_totals import BulkTotals
from data_nexus.ingestion.nightly.feeds import BulkFeeds
from data_nexus.ingestion.wiring import foreseen

Result = TypeVar("Result")
# A range of ids, first and last.
Part = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PricedSession:
    """A session's prices, the assets that it can advance, and up to where their bars reach."""

    scope: SessionScope
    survey: CandidateIndex
    bulk_session: BulkSession
    reference: date

    @property
    def trading_again(self) -> list[date]:
        """The last bars of the assets that have one now, with a gap before it or without."""
        position = self.bulk_session.position
        return [day for code, day in self.survey.last_bars.items() if day and code in position]


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
    calendars: Calendars
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

        return await _in_parts(survey.parts, write, self.writers)

    async def recheck(self, priced: PricedSession, feeds: BulkFeeds, named: frozenset[str]) -> date:
        """Fetch late bars where many assets have a gap; return since when there is none."""
        earlier = await asyncio.to_thread(
            sessions_up_to, self.exchange, priced.reference, DEEPEST, self.calendars
        )
        rechecked = await self.sessions.rechecked(self.exchange, earlier[0])
        rechecks = recheck_gaps(priced.trading_again, earlier, rechecked)
        try:
            await feeds.drainable.requester.ledger.require(
                len(rechecks.sessions) * CALLS[Endpoint.BULK]
            )
            for session in rechecks.sessions:
                again = await feeds.prices(session, priced.survey.asset_types)
                bulk_session = replace(again, named=named)
                scope = replace(priced.scope, session=session, late=True)
                await self.advance(scope, priced.survey, bulk_session, rechecks.still_open)
                await self.sessions.mark_rechecked(self.exchange, session)
        except NOT_FETCHED as error:
            # The present session is paid for. Assets with a gap are fetched individually.
            self.observe(Warned(self.exchange, f"no recheck of gaps: {error}"))
            return rechecks.sessions[-1]
        return rechecks.still_open

    async def with_actions(self, bulk_session: BulkSession, feeds: BulkFeeds) -> BulkSession:
        """Fetch the session's actions, store them, and name the assets that have one.

        So are those of days before on which the exchange was to trade and did not.
        """
        session, named = bulk_session.session, bulk_session.named
        before = await asyncio.to_thread(session_before, self.exchange, session, self.calendars)
        for day in self.calendars.shut_days(self.exchange, before, session):
            named |= await self._store_actions(day, feeds)
        named |= await self._store_actions(session, feeds)
        await self._store_rejects(session, bulk_session.rejected_rows)
        return replace(bulk_session, named=named)

    async def _store_actions(self, day: date, feeds: BulkFeeds) -> frozenset[str]:
        """Fetch and store the actions of a day; return the codes that have one."""
        found = await feeds.actions(day)
        await self.store.session_feeds.store_actions(self.exchange, found.splits, found.dividends)
        if found.rejects:
            counts = Counter(row.rule for row in found.rejects)
            self.observe(FeedRejected(self.exchange, day.isoformat(), counts))
        await self._store_rejects(day, found.rejects)
        return found.named

    async def _store_rejects(self, session: date, rows: Sequence[RejectedBulkRow]) -> None:
        if rows:
            unmatched = await self.store.session_feeds.store_rejects(self.exchange, session, rows)
            text = f"{counted(len(rows), 'row')} of {session} cannot be read"
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


async def _in_parts(
    parts: Sequence[Part], write: Callable[[Part], Awaitable[Result]], writers: int
) -> list[Result]:
    """Write each part; return what was written.

    Fewer and fewer assets are tried together where PostgreSQL refuses a row: one must not hold the
    others back. What is left in the end is not written.
    """
    left, done = [*reversed(parts)], list[Result]()

    async def work() -> None:
        while left:
            first, last = part = left.pop()
            try:
                done.append(await write(part))
            except RowsRefused:
                middle = (first + last) // 2
                left.extend([(first, middle), (middle + 1, last)] if first < last else [])

    try:
        async with asyncio.TaskGroup() as tasks:
            for n in range(writers):
                tasks.create_task(work(), name=f"bulk writer {n}")
    except BaseExceptionGroup as group:
        raise foreseen(group) from None
    return done
