"""Update an exchange in bulk: session by session, each with its actions.

Of each session the prices come first: they show whether it is published at all, and the feeds of
actions, fetched after them, know at least what the prices know. Nothing is leased: a commit skips
assets that another worker has leased.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from data_nexus.database.store.sessions import Advanced, BulkSessions, CandidateIndex, SessionScope
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.planning.bulk_or_single import CALLS_A_SESSION
from data_nexus.domain.planning.due import MarketSegment, session_before, sessions_up_to
from data_nexus.domain.planning.gaps import DEEPEST, recheck_gaps
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.bulk_session import (
    BulkSession,
    RejectedBulkRow,
    flag_counts,
    is_out,
    reference_day,
)
from data_nexus.domain.validation.price_kinds import PriceKinds
from data_nexus.eodhd.decode_bulk import decode_bulk_dividends, decode_bulk_splits
from data_nexus.eodhd.requests import Request, bulk_request
from data_nexus.errors import (
    NexusError,
    NotInPlan,
    NotListed,
    Park,
    Pause,
    Postpone,
    Retry,
    RowsRefused,
)
from data_nexus.events import (
    ExchangeAdvanced,
    FeedRejected,
    Observer,
    SessionAdvanced,
    TransactionCommitted,
    Warned,
)
from data_nexus.ingestion.fetching.drain import DrainableRequester, Drained
from data_nexus.ingestion.fetching.requester import FetchState
from data_nexus.ingestion.nightly.bulk_session import decode_session, feed_of, named_in
from data_nexus.ingestion.reports.run_report import SessionReport
from data_nexus.ingestion.wiring import foreseen

# This many sessions in a row may be empty before they count as not published yet: markets close
# without notice for days, but seldom for a week.
_MOST_EMPTY = 5
Result = TypeVar("Result")


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
    """Advances one exchange by sessions in bulk.

    When it is to stop, a session whose prices were received is finished: they are paid for.
    `published` is the last published session by market segment. What the update leaves behind:
    `named`, the assets to reload; `held_back`, the first session that it could not advance by, as
    it is late or failed; `ended_by`, the `Pause` if that is why; `log`, what each session cost and
    brought.
    """

    exchange: str
    published: Mapping[MarketSegment, date]
    store: BulkSessions
    drainable: DrainableRequester
    observe: Observer
    redact: Callable[[str], str]
    kinds: PriceKinds
    run_id: int
    writers: int
    named: set[Symbol] = field(default_factory=set)
    held_back: date | None = None
    ended_by: Pause | None = None
    log: list[SessionReport] = field(default_factory=list)
    _empty: list[PricedSession] = field(default_factory=list)
    # The assets that lack the session under way, and how each advanced one ended.
    _lacking: set[str] = field(default_factory=set)
    _ends: dict[str, str] = field(default_factory=dict)
    _spent: int = 0

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
            self._ends |= dict.fromkeys(self._lacking, "failed")
        finally:
            self._count_ends()
        return True

    async def _advance_over(self, sessions: tuple[date, ...]) -> None:
        since, last = date.min, date.min
        for session in sessions:
            before = await asyncio.to_thread(session_before, self.exchange, session)
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
        survey = await self.store.survey(scope)
        last_bars = survey.last_bars
        self._lacking = set(last_bars)
        reference = reference_day(last_bars.values())
        if reference is None:
            # No asset is left to advance; what is held back stays so.
            return not self._empty
        bulk_session = await self._prices(scope.session, survey, needed=CALLS_A_SESSION)
        self._empty.append(PricedSession(scope, survey, bulk_session, reference))
        expected = [code for code, day in last_bars.items() if day and day >= reference]
        if not is_out(bulk_session, expected):
            self._note(self._empty[-1], [])
            return False
        for priced in self._empty:
            await self._commit(priced)
        self._empty.clear()
        return True

    async def _commit(self, priced: PricedSession) -> None:
        bulk_session = priced.bulk_session
        if bulk_session.position:
            bulk_session = await self._with_actions(bulk_session)
        await self.store.requeue(priced.scope, bulk_session.position)
        unbroken_since = await self._recheck(priced, bulk_session.named)
        done = await self._write(priced.scope, priced.survey, bulk_session, unbroken_since)
        self._note(priced, done)
        if priced.scope.session < max(self.published.values()):
            await self.store.mark_rechecked(self.exchange, priced.scope.session)

    async def _recheck(self, priced: PricedSession, named: frozenset[str]) -> date:
        """Fetch late bars where many assets have a gap; return since when there is none."""
        earlier = await asyncio.to_thread(sessions_up_to, self.exchange, priced.reference, DEEPEST)
        rechecked = await self.store.rechecked(self.exchange, earlier[0])
        rechecks = recheck_gaps(priced.trading_again, earlier, rechecked)
        try:
            await self.drainable.requester.ledger.require(
                len(rechecks.sessions) * CALLS[Endpoint.BULK]
            )
            for session in rechecks.sessions:
                bulk_session = replace(await self._prices(session, priced.survey), named=named)
                scope = replace(priced.scope, session=session, late=True)
                await self._write(scope, priced.survey, bulk_session, rechecks.still_open)
                await self.store.mark_rechecked(self.exchange, session)
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
    ) -> list[Advanced]:
        parts, done = [*reversed(survey.parts)], list[Advanced]()

        async def write() -> None:
            while parts:
                first, last = part = parts.pop()
                started = time.monotonic()
                try:
                    advanced = await self.store.advance(
                        scope, bulk_session, unbroken_since, self.run_id, part
                    )
                except RowsRefused:
                    # Fewer and fewer are tried together: one row must not hold the others back.
                    # What is left in the end is fetched individually.
                    middle = (first + last) // 2
                    parts.extend([(first, middle), (middle + 1, last)] if first < last else [])
                    continue
                done.append(advanced)
                self._report(bulk_session, advanced, time.monotonic() - started)
                self._note_ends(advanced)

        try:
            async with asyncio.TaskGroup() as tasks:
                for n in range(self.writers):
                    tasks.create_task(write(), name=f"bulk writer {n}")
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        return done

    async def _prices(self, session: date, survey: CandidateIndex, needed: int = 0) -> BulkSession:
        signed = self.kinds.signed_codes(self.exchange, survey.asset_types)
        return await self._fetch(
            bulk_request(self.exchange, session),
            lambda body: decode_session(body, self.exchange, session, self.redact, signed),
            needed,
        )

    async def _with_actions(self, bulk_session: BulkSession) -> BulkSession:
        """Fetch the session's actions, store them, and name the assets that have one."""
        exchange, session = self.exchange, bulk_session.session
        splits = await self._fetch(
            bulk_request(exchange, session, "splits"),
            lambda body: feed_of(
                body, lambda sent: decode_bulk_splits(sent, exchange, session), self.redact
            ),
            is_begun=True,
        )
        dividends = await self._fetch(
            bulk_request(exchange, session, "dividends"),
            lambda body: feed_of(
                body, lambda sent: decode_bulk_dividends(sent, exchange, session), self.redact
            ),
            is_begun=True,
        )
        await self.store.store_actions(exchange, splits.actions.by_code, dividends.actions.by_code)
        unread = splits.rejects + dividends.rejects
        if unread:
            counts = Counter(row.rule for row in unread)
            self.observe(FeedRejected(exchange, session.isoformat(), counts))
        await self._store_rejects(session, bulk_session.rejected_rows + unread)
        named = named_in(splits.actions) | named_in(dividends.actions)
        return replace(bulk_session, named=bulk_session.named | named)

    async def _store_rejects(self, session: date, rows: Sequence[RejectedBulkRow]) -> None:
        if rows:
            unmatched = await self.store.store_rejects(self.exchange, session, rows)
            text = f"{len(rows):,} rows of {session} cannot be read"
            self.observe(Warned(self.exchange, f"{text}; {unmatched:,} of them name no asset"))

    async def _fetch(
        self,
        request: Request,
        decode: Callable[[bytes], Result],
        needed: int = 0,
        *,
        is_begun: bool = False,
    ) -> Result:
        """Fetch until an answer comes; a drain ends it, but for what is under way or `is_begun`.

        Nothing is fetched on a day that does not hold the calls `needed` for what begins here.
        """
        state, drainable = FetchState(), replace(self.drainable, needed=needed, is_begun=is_begun)
        try:
            return (await drainable.fetch(request, decode, state)).decoded
        finally:
            self._spent += state.calls

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

    def _note_ends(self, advanced: Advanced) -> None:
        """Note how assets end: each counts once, over how many sessions it may be advanced."""
        codes, found = advanced.candidates.codes, advanced.classified
        self._lacking.difference_update(codes[at] for at in found.advanced)
        for at in found.absent:
            self._ends.setdefault(codes[at], "absent")
        for at in (*found.stored, *found.rejected):
            self._ends[codes[at]] = "synced"
        for at in found.to_fetch:
            # It is fetched individually, and counted then.
            self._ends.pop(codes[at], None)

    def _count_ends(self) -> None:
        ends = Counter(self._ends.values())
        self.observe(
            ExchangeAdvanced(self.exchange, ends["synced"], ends["absent"], ends["failed"])
        )

    def _note(self, priced: PricedSession, done: list[Advanced]) -> None:
        """Note what a session has cost and brought, once, however often it was rechecked."""
        session = priced.scope.session.isoformat()
        calls = self._spent - sum(entry.calls for entry in self.log)
        calls += sum(entry.calls for entry in self.log if entry.session == session)
        self.log = [entry for entry in self.log if entry.session != session]
        self.log.append(
            SessionReport(
                exchange=self.exchange,
                session=session,
                calls=calls,
                rows=len(priced.bulk_session.bars),
                stored=sum(len(each.classified.stored) for each in done),
                absent=sum(len(each.classified.absent) for each in done),
                fetched_individually=sum(len(each.classified.to_fetch) for each in done),
            )
        )
