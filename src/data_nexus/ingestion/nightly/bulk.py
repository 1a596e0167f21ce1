"""Owns the update of an exchange in bulk: session by session, each with its actions.

Of each session the prices come first: they show whether it is out at all, and the feeds of
actions, asked for after them, know at least what the prices know. Nothing is leased: a commit
passes over whom somebody else has leased.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from data_nexus.database.store.sessions import BulkStore, Carried, Reach, Survey
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.planning.bulk_or_single import CALLS_A_SESSION
from data_nexus.domain.planning.due import Place, session_before, sessions_up_to
from data_nexus.domain.planning.gaps import DEEPEST, second_looks
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.bulk_session import (
    Aside,
    Sheet,
    flag_counts,
    is_out,
    reference_day,
)
from data_nexus.eodhd.decode_bulk import decode_bulk_dividends, decode_bulk_splits
from data_nexus.eodhd.refusals import is_refusal
from data_nexus.eodhd.requests import Request, bulk_request
from data_nexus.errors import NexusError, NotListed, Park, Pause, Postpone, Retry, RowsRefused
from data_nexus.events import CarriedOn, Observer, Warned
from data_nexus.ingestion.fetching.drain import Drainable, Drained
from data_nexus.ingestion.fetching.requester import Trip
from data_nexus.ingestion.nightly.bulk_session import feed_of, named_in, sheet_of
from data_nexus.ingestion.run_totals import Tally
from data_nexus.ingestion.wiring import foreseen

# So many sessions in a row may bring nothing before they count as not out yet: markets stay shut
# unforeseen for days, but seldom for a week.
_MOST_EMPTY = 5
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Told:
    """A session as its prices tell it, whom it can carry on, and up to where their bars reach."""

    reach: Reach
    survey: Survey
    sheet: Sheet
    reference: date

    @property
    def trading_again(self) -> list[date]:
        """The last bars of the assets that have one now, be there a gap before it or not."""
        position = self.sheet.position
        return [day for code, day in self.survey.last_bars.items() if day and code in position]


@dataclass(slots=True)
class BulkUpdate:
    """Brings one exchange forward by sessions in bulk.

    When it is to stop, a session whose prices have come is finished, for they are paid for.
    `published` is the last session that is out by place. What the update leaves behind: `named`,
    the assets to be read whole; `held_back`, the first session that it could not carry on by, be
    it late or in trouble; `ended_by`, the `Pause` if it is that; `log`, what each session cost and
    brought.
    """

    exchange: str
    published: Mapping[Place, date]
    store: BulkStore
    way: Drainable
    observe: Observer
    redact: Callable[[str], str]
    run_id: int
    writers: int
    tally: Tally
    named: set[Symbol] = field(default_factory=set)
    held_back: date | None = None
    ended_by: Pause | None = None
    log: list[dict[str, Any]] = field(default_factory=list)
    _empty: list[Told] = field(default_factory=list)
    # The assets that lack the session under way, and how each ended that was carried on.
    _lacking: set[str] = field(default_factory=set)
    _ends: dict[str, str] = field(default_factory=dict)
    _spent: int = 0

    async def run(self, sessions: tuple[date, ...]) -> bool:
        """Carry the exchange on over sessions, ascending; False if the plan has no bulk for it.

        Raises what ends a run. Anything else that goes wrong is told, and holds the session and
        those after it back for the next run.
        """
        try:
            await self._carry_over(sessions)
        except Drained:
            return True
        except NexusError as error:
            if isinstance(error, NotListed) or is_refusal(error):
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

    async def _carry_over(self, sessions: tuple[date, ...]) -> None:
        since, last = date.min, date.min
        for session in sessions:
            before = await asyncio.to_thread(session_before, self.exchange, session)
            if before != last:
                since = before
            last = session
            self.held_back = self._empty[0].reach.session if self._empty else session
            if await self._try(self._reach(session, since)):
                since, self.held_back = session, None
            elif len(self._empty) == _MOST_EMPTY:
                break
        if self._empty:
            self.observe(Warned(self.exchange, f"the session {self.held_back} is not out yet"))

    async def _try(self, reach: Reach) -> bool:
        """Carry on by a session, and by those before it that were empty; False if it is so, too.

        An empty session was none after all, if a later one is out; else it may be late.
        """
        survey = await self.store.survey(reach)
        last_bars = survey.last_bars
        self._lacking = set(last_bars)
        reference = reference_day(last_bars.values())
        if reference is None:
            # Nobody is left to be carried on; what is held back stays so.
            return not self._empty
        sheet = await self._prices(reach.session, needed=CALLS_A_SESSION)
        self._empty.append(Told(reach, survey, sheet, reference))
        expected = [code for code, day in last_bars.items() if day and day >= reference]
        if not is_out(sheet, expected):
            self._note(self._empty[-1], [])
            return False
        for told in self._empty:
            await self._commit(told)
        self._empty.clear()
        return True

    async def _commit(self, told: Told) -> None:
        sheet = await self._with_actions(told.sheet) if told.sheet.position else told.sheet
        await self.store.wake(told.reach, sheet.position)
        unbroken_since = await self._look_again(told, sheet.named)
        done = await self._write(told.reach, told.survey, sheet, unbroken_since)
        self._note(told, done)
        if told.reach.session < max(self.published.values()):
            await self.store.settle(self.exchange, told.reach.session)

    async def _look_again(self, told: Told, named: frozenset[str]) -> date:
        """Look for late bars where many assets have a gap; return since when there is none."""
        earlier = await asyncio.to_thread(sessions_up_to, self.exchange, told.reference, DEEPEST)
        settled = await self.store.settled(self.exchange, earlier[0])
        looks = second_looks(told.trading_again, earlier, settled)
        try:
            await self.way.attempts.ledger.require(len(looks.sessions) * CALLS[Endpoint.BULK])
            for session in looks.sessions:
                sheet = replace(await self._prices(session), named=named)
                reach = replace(told.reach, session=session, late=True)
                await self._write(reach, told.survey, sheet, looks.still_open)
                await self.store.settle(self.exchange, session)
        except (Drained, Retry, Postpone, Park, Pause) as error:
            # The present session is paid for. Who has a gap is asked for by itself.
            self.observe(Warned(self.exchange, f"no second look: {error}"))
            return looks.sessions[-1]
        return looks.still_open

    async def _write(
        self, reach: Reach, survey: Survey, sheet: Sheet, unbroken_since: date
    ) -> list[Carried]:
        parts, done = [*reversed(survey.parts)], list[Carried]()

        async def write() -> None:
            while parts:
                first, last = part = parts.pop()
                try:
                    carried = await self.store.carry_on(
                        reach, sheet, unbroken_since, self.run_id, part
                    )
                except RowsRefused:
                    # Ever fewer are tried together, for one row must not hold the others back. Who
                    # is left in the end is asked for by itself.
                    middle = (first + last) // 2
                    parts.extend([(first, middle), (middle + 1, last)] if first < last else [])
                    continue
                done.append(carried)
                self._count(sheet, carried)
                self._note_ends(carried)

        try:
            async with asyncio.TaskGroup() as tasks:
                for n in range(self.writers):
                    tasks.create_task(write(), name=f"bulk writer {n}")
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        return done

    async def _prices(self, session: date, needed: int = 0) -> Sheet:
        return await self._ask(
            bulk_request(self.exchange, session),
            lambda body: sheet_of(body, self.exchange, session, self.redact),
            needed,
        )

    async def _with_actions(self, sheet: Sheet) -> Sheet:
        """Ask for the session's actions, store them, and name the assets that have one."""
        exchange, session = self.exchange, sheet.session
        splits = await self._ask(
            bulk_request(exchange, session, "splits"),
            lambda body: feed_of(
                body, lambda sent: decode_bulk_splits(sent, exchange, session), self.redact
            ),
            is_begun=True,
        )
        dividends = await self._ask(
            bulk_request(exchange, session, "dividends"),
            lambda body: feed_of(
                body, lambda sent: decode_bulk_dividends(sent, exchange, session), self.redact
            ),
            is_begun=True,
        )
        await self.store.store_actions(exchange, splits.told.by_code, dividends.told.by_code)
        unread = splits.aside + dividends.aside
        self.tally.rejected_by_rule.update(row.rule for row in unread)
        await self._put_aside(session, sheet.aside + unread)
        named = named_in(splits.told) | named_in(dividends.told)
        return replace(sheet, named=sheet.named | named)

    async def _put_aside(self, session: date, rows: Sequence[Aside]) -> None:
        if rows:
            strangers = await self.store.put_aside(self.exchange, session, rows)
            text = f"{len(rows):,} rows of {session} cannot be read"
            self.observe(Warned(self.exchange, f"{text}; {strangers:,} of them name no asset"))

    async def _ask(
        self,
        request: Request,
        decode: Callable[[bytes], Result],
        needed: int = 0,
        *,
        is_begun: bool = False,
    ) -> Result:
        """Ask until an answer comes; a drain ends it, but for what is under way or `is_begun`.

        Nothing is asked for on a day that does not hold the calls `needed` for what begins here.
        """

        async def read(body: bytes) -> Result:
            return decode(body)

        trip, way = Trip(), replace(self.way, needed=needed, is_begun=is_begun)
        try:
            return await way.fetch(request, read, trip)
        finally:
            self.tally.count_spent(trip.spent)
            self._spent += sum(each.calls for each in trip.spent)

    def _reach(self, session: date, since: date) -> Reach:
        places = [place for place, last in self.published.items() if last >= session]
        return Reach(exchange=self.exchange, session=session, since=since, places=places)

    def _count(self, sheet: Sheet, carried: Carried) -> None:
        found, tally = carried.fates, self.tally
        tally.commits += 1
        tally.received += len(found.stored) + len(found.rejected)
        tally.inserted += len(found.stored)
        tally.rejected += len(found.rejected)
        tally.flagged.update(flag_counts(sheet, found.rows))
        tally.rejected_by_rule.update(carried.rejected_rules)
        self.named.update(Symbol(code, self.exchange) for code in found.changed)
        assets = len(found.stored) + len(found.rejected) + len(found.absent)
        self.observe(CarriedOn(self.exchange, str(sheet.session), assets, len(found.stored)))

    def _note_ends(self, carried: Carried) -> None:
        """Note how assets end: each counts once, over how many sessions it may be carried."""
        codes, found = carried.lacking.codes, carried.fates
        self._lacking.difference_update(codes[at] for at in found.settled)
        for at in found.absent:
            self._ends.setdefault(codes[at], "absent")
        for at in (*found.stored, *found.rejected):
            self._ends[codes[at]] = "synced"
        for at in found.left:
            # It is asked for by itself, and counted then.
            self._ends.pop(codes[at], None)

    def _count_ends(self) -> None:
        ends = Counter(self._ends.values())
        self.tally.synced += ends["synced"]
        self.tally.absent += ends["absent"]
        self.tally.failed += ends["failed"]

    def _note(self, told: Told, done: list[Carried]) -> None:
        """Note what a session has cost and brought, once, however often it was looked at."""
        session = told.reach.session.isoformat()
        calls = self._spent - sum(entry["calls"] for entry in self.log)
        calls += sum(entry["calls"] for entry in self.log if entry["session"] == session)
        self.log = [entry for entry in self.log if entry["session"] != session]
        self.log.append(
            {
                "exchange": self.exchange,
                "session": session,
                "calls": calls,
                "rows": len(told.sheet.bars),
                "stored": sum(len(each.fates.stored) for each in done),
                "absent": sum(len(each.fates.absent) for each in done),
                "left": sum(len(each.fates.left) for each in done),
            }
        )
