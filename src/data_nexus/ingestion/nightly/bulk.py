"""Update an exchange in bulk: session by session, each with its actions.

Of each session the prices come first: they show whether it is published at all, and the feeds of
actions, fetched after them, know at least what the prices know. Once a session is seen to be out,
the one before it is compared again. Nothing is leased: a commit skips assets that another worker
has leased.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

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
from data_nexus.domain.planning.bulk_or_single import CALLS_A_SESSION
from data_nexus.domain.planning.due import MarketSegment, session_before, sessions_up_to
from data_nexus.domain.planning.gaps import DEEPEST, recheck_gaps
from data_nexus.domain.planning.look_back import LookBack
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.bulk_session import (
    BulkSession,
    RejectedBulkRow,
    flag_counts,
    is_out,
    reference_day,
)
from data_nexus.errors import NexusError, NotInPlan, NotListed, Park, Pause, Postpone, Retry
from data_nexus.events import FeedRejected, Observer, SessionAdvanced, TransactionCommitted, Warned
from data_nexus.ingestion.fetching.drain import Drained
from data_nexus.ingestion.nightly.bulk_totals import BulkTotals
from data_nexus.ingestion.nightly.bulk_writes import in_parts
from data_nexus.ingestion.nightly.doubts import note_doubts
from data_nexus.ingestion.nightly.feeds import BulkFeeds
from data_nexus.ingestion.nightly.look_back import LookedBack, LookingBack

# This many sessions in a row may be empty before they count as not published yet: markets close
# without notice for days, but seldom for a week.
_MOST_EMPTY = 5


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


@dataclass(slots=True)
class BulkUpdate:
    """Advances one exchange by sessions in bulk, at the moment `now` of an update.

    When it is to stop, a session whose prices were received is finished: they are paid for.
    `published` is the last published session by market segment. What the update leaves behind:
    `named`, the assets to reload; `held_back`, the first session that it could not advance by, as
    it is late or failed; `ended_by`, the `Pause` if that is why; `totals`, what each session cost
    and brought; `looked_back`, what comparing the session before has brought.
    """

    exchange: str
    published: Mapping[MarketSegment, date]
    store: Store
    sessions: BulkSessions
    feeds: BulkFeeds
    observe: Observer
    run_id: int
    now: datetime
    writers: int
    look_back: LookBack
    calendars: Calendars
    named: set[Symbol] = field(default_factory=set)
    held_back: date | None = None
    ended_by: Pause | None = None
    looked_back: LookedBack | None = None
    totals: BulkTotals = field(init=False)
    _empty: list[PricedSession] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.totals = BulkTotals(self.exchange)

    async def run(self, sessions: tuple[date, ...]) -> bool:
        """Advance the exchange over sessions, ascending; False if the plan has no bulk for it.

        Raises what ends a run. Any other failure is reported, and holds the session and those
        after it back for the next run.
        """
        try:
            await self._advance_over(sessions)
        except Drained:
            return True
        except NexusError as error:
            if isinstance(error, NotListed | NotInPlan):
                return False
            if isinstance(error, Pause):
                self.ended_by = error
                return True
            if not isinstance(error, Retry | Postpone | Park):
                raise
            self.observe(Warned(self.exchange, f"no update in bulk: {error}"))
            self.totals.fail()
        finally:
            self.observe(self.totals.ends())
        return True

    async def _advance_over(self, sessions: tuple[date, ...]) -> None:
        since, last = date.min, date.min
        for session in sessions:
            before = await asyncio.to_thread(session_before, self.exchange, session, self.calendars)
            since, last = (before if before != last else since), session
            self.held_back = self._empty[0].scope.session if self._empty else session
            if await self._advance(self._scope(session, since)):
                since, self.held_back = session, None
            elif len(self._empty) == _MOST_EMPTY:
                break
        if self._empty:
            self.observe(Warned(self.exchange, f"the session {self.held_back} is not out yet"))

    async def _advance(self, scope: SessionScope) -> bool:
        """Advance by a session and the empty ones before it; False if it is empty as well.

        An empty session was none after all if a later one is published; else it may be late.
        """
        survey = await self.sessions.survey(scope)
        last_bars = survey.last_bars
        self.totals.begin(last_bars)
        reference = reference_day(last_bars.values())
        if reference is None:
            # No asset is left to advance; what is held back stays so.
            return not self._empty
        bulk_session = await self.feeds.prices(
            scope.session, survey.asset_types, needed=CALLS_A_SESSION
        )
        self._empty.append(PricedSession(scope, survey, bulk_session, reference))
        expected = [code for code, day in last_bars.items() if day and day >= reference]
        if not is_out(bulk_session, expected):
            self._note(self._empty[-1], [])
            return False
        await self._look_back(self._empty[0])
        for priced in self._empty:
            await self._commit(priced)
        self._empty.clear()
        return True

    async def _look_back(self, priced: PricedSession) -> None:
        """Compare the sessions before the first one that is out, once in an update."""
        if self.looked_back is None:
            looking = LookingBack(
                self.store, self.feeds, self.observe, self.run_id, self.now, self.calendars
            )
            self.looked_back = await looking.before(
                priced.scope, self.look_back, priced.survey.asset_types
            )
            self.named |= {Symbol(code, self.exchange) for code in self.looked_back.named}

    async def _commit(self, priced: PricedSession) -> None:
        scope, bulk_session = priced.scope, priced.bulk_session
        if bulk_session.position:
            bulk_session = await self._with_actions(bulk_session)
        looked_back = self.looked_back or LookedBack()
        bulk_session = replace(bulk_session, named=bulk_session.named | looked_back.named)
        await self.sessions.requeue(scope, bulk_session.position)
        unbroken_since = await self._recheck(priced, bulk_session.named)
        newest = min(self.published[segment] for segment in scope.segments)
        settling = looked_back.settling(scope.session, newest)
        done = await self._write(scope, priced.survey, bulk_session, unbroken_since, settling)
        self._note(priced, done)
        if scope.session < max(self.published.values()):
            await self.sessions.mark_rechecked(self.exchange, scope.session)
        is_newest = scope.session == newest
        await note_doubts(
            self.store,
            self.calendars,
            self.exchange,
            bulk_session,
            done,
            self.now,
            is_newest=is_newest,
        )

    async def _recheck(self, priced: PricedSession, named: frozenset[str]) -> date:
        """Fetch late bars where many assets have a gap; return since when there is none."""
        earlier = await asyncio.to_thread(
            sessions_up_to, self.exchange, priced.reference, DEEPEST, self.calendars
        )
        rechecked = await self.sessions.rechecked(self.exchange, earlier[0])
        rechecks = recheck_gaps(priced.trading_again, earlier, rechecked)
        try:
            await self.feeds.drainable.requester.ledger.require(
                len(rechecks.sessions) * CALLS[Endpoint.BULK]
            )
            for session in rechecks.sessions:
                again = await self.feeds.prices(session, priced.survey.asset_types)
                bulk_session = replace(again, named=named)
                scope = replace(priced.scope, session=session, late=True)
                await self._write(scope, priced.survey, bulk_session, rechecks.still_open)
                await self.sessions.mark_rechecked(self.exchange, session)
        except (Drained, Retry, Postpone, Park, Pause) as error:
            # The present session is paid for. Assets with a gap are fetched individually.
            self.observe(Warned(self.exchange, f"no recheck of gaps: {error}"))
            return rechecks.sessions[-1]
        return rechecks.still_open

    async def _write(
        self,
        scope: SessionScope,
        survey: CandidateIndex,
        bulk_session: BulkSession,
        unbroken_since: date,
        settling: Settling = NOTHING_SETTLED,
    ) -> list[Advanced]:
        async def write(part: tuple[int, int]) -> Advanced:
            started = time.monotonic()
            advanced = await self.sessions.advance(
                scope, bulk_session, unbroken_since, self.run_id, part, settling
            )
            self._report(bulk_session, advanced, time.monotonic() - started)
            self.totals.add(advanced)
            return advanced

        return await in_parts(survey.parts, write, self.writers)

    async def _with_actions(self, bulk_session: BulkSession) -> BulkSession:
        """Fetch the session's actions, store them, and name the assets that have one.

        So are those of days before on which the exchange was to trade and did not.
        """
        session, named = bulk_session.session, bulk_session.named
        before = await asyncio.to_thread(session_before, self.exchange, session, self.calendars)
        for day in self.calendars.shut_days(self.exchange, before, session):
            named |= await self._store_actions(day)
        named |= await self._store_actions(session)
        await self._store_rejects(session, bulk_session.rejected_rows)
        return replace(bulk_session, named=named)

    async def _store_actions(self, day: date) -> frozenset[str]:
        """Fetch and store the actions of a day; return the codes that have one."""
        found = await self.feeds.actions(day)
        await self.store.session_feeds.store_actions(self.exchange, found.splits, found.dividends)
        if found.rejects:
            counts = Counter(row.rule for row in found.rejects)
            self.observe(FeedRejected(self.exchange, day.isoformat(), counts))
        await self._store_rejects(day, found.rejects)
        return found.named

    async def _store_rejects(self, session: date, rows: Sequence[RejectedBulkRow]) -> None:
        if rows:
            unmatched = await self.store.session_feeds.store_rejects(self.exchange, session, rows)
            text = f"{len(rows):,} rows of {session} cannot be read"
            self.observe(Warned(self.exchange, f"{text}; {unmatched:,} of them name no asset"))

    def _scope(self, session: date, since: date) -> SessionScope:
        segments = [segment for segment, last in self.published.items() if last >= session]
        return SessionScope(exchange=self.exchange, session=session, since=since, segments=segments)

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

    def _note(self, priced: PricedSession, done: list[Advanced]) -> None:
        report = self.looked_back.report if self.looked_back else None
        calls = self.feeds.calls - (report.calls if report else 0)
        rows = len(priced.bulk_session.bars)
        self.totals.add_session(priced.scope.session, rows, done, calls)
