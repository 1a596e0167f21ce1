"""Update an exchange in bulk: session by session, each with its actions.

Of each session the prices come first: they show whether it is published at all, and the feeds of
actions, fetched after them, know at least what the prices know. Once a session is seen to be out,
the one before it is compared again. Nothing is leased: a commit skips assets that another worker
has leased.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from data_nexus.database.store.bulk.sessions import Advanced, SessionScope
from data_nexus.domain.planning.bulk_or_single import CALLS_A_SESSION
from data_nexus.domain.planning.due import MarketSegment, session_before
from data_nexus.domain.planning.look_back import LookBack
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.bulk_session import is_out, reference_day
from data_nexus.errors import NexusError, NotInPlan, NotListed, Park, Pause, Postpone, Retry, Stop
from data_nexus.events import Warned
from data_nexus.ingestion.fetching.drain import Drained
from data_nexus.ingestion.nightly.bulk_totals import BulkTotals
from data_nexus.ingestion.nightly.context import UpdateRun
from data_nexus.ingestion.nightly.doubts import note_doubts
from data_nexus.ingestion.nightly.feeds import BulkFeeds
from data_nexus.ingestion.nightly.look_back import LookedBack, LookingBack
from data_nexus.ingestion.nightly.session_writer import PricedSession, SessionWriter
from data_nexus.ingestion.reports.run_report import UpdateSteps

# This many sessions in a row may be empty before they count as not published yet: markets close
# without notice for days, but seldom for a week.
_MOST_EMPTY = 5


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What an update of an exchange in bulk brought, and what it leaves to others.

    `has_bulk`: the vendor's plan has bulk for it. `held_back` is the first session that it could
    not advance by, as it is late or failed. `named` are the assets to reload.
    """

    has_bulk: bool
    held_back: date | None
    named: frozenset[Symbol]
    steps: UpdateSteps


@dataclass(slots=True)
class BulkUpdate:
    """Advances one exchange by sessions in bulk.

    When it is to stop, a session whose prices were received is finished: they are paid for.
    `published` is the last published session by market segment.
    """

    run: UpdateRun
    exchange: str
    published: Mapping[MarketSegment, date]
    look_back: LookBack
    _feeds: BulkFeeds = field(init=False)
    _totals: BulkTotals = field(init=False)
    _writer: SessionWriter = field(init=False)
    _held_back: date | None = None
    _looked_back: LookedBack | None = None
    _empty: list[PricedSession] = field(default_factory=list)

    def __post_init__(self) -> None:
        run, exchange = self.run, self.exchange
        self._feeds = BulkFeeds(exchange, run.drainable, run.reader.redact, run.reader.kinds)
        self._totals = BulkTotals(exchange)
        self._writer = SessionWriter(
            exchange=exchange,
            store=run.store,
            sessions=run.bulk,
            observe=run.observe,
            run_id=run.run_id,
            writers=run.settings.writers,
            totals=self._totals,
            calendars=run.calendars,
        )

    async def over(self, sessions: tuple[date, ...]) -> BulkResult:
        """Advance the exchange over sessions, ascending.

        Any failure but one that ends the run is reported, and holds the session and those after it
        back for the next run.
        """
        ended_by: NexusError | None = None
        try:
            await self._advance_over(sessions)
        except Drained:
            pass
        except (Stop, Pause, NotListed, NotInPlan) as error:
            ended_by = error
        except (Retry, Postpone, Park) as error:
            self.run.observe(Warned(self.exchange, f"no update in bulk: {error}"))
            self._totals.fail()
        finally:
            self.run.observe(self._totals.ends())
        has_bulk = not isinstance(ended_by, NotListed | NotInPlan)
        steps = UpdateSteps(
            bulk=tuple(self._totals.sessions),
            looked_back=self._looked_back.reports if self._looked_back else (),
            ended_by=ended_by if has_bulk and isinstance(ended_by, Stop) else None,
            paused_by=ended_by if isinstance(ended_by, Pause) else None,
        )
        return BulkResult(has_bulk, self._held_back, frozenset(self._writer.named), steps)

    async def _advance_over(self, sessions: tuple[date, ...]) -> None:
        since, last = date.min, date.min
        for session in sessions:
            before = await asyncio.to_thread(
                session_before, self.exchange, session, self.run.calendars
            )
            since, last = (before if before != last else since), session
            self._held_back = self._empty[0].scope.session if self._empty else session
            if await self._advance(self._scope(session, since)):
                since, self._held_back = session, None
            elif len(self._empty) == _MOST_EMPTY:
                break
        if self._empty:
            self.run.observe(Warned(self.exchange, f"the session {self._held_back} is not out yet"))

    async def _advance(self, scope: SessionScope) -> bool:
        """Advance by a session and the empty ones before it; False if it is empty as well.

        An empty session was none after all if a later one is published; else it may be late.
        """
        survey = await self.run.bulk.survey(scope)
        last_bars = survey.last_bars
        self._totals.begin(last_bars)
        reference = reference_day(last_bars.values())
        if reference is None:
            # No asset is left to advance; what is held back stays so.
            return not self._empty
        bulk_session = await self._feeds.prices(
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
        if self._looked_back is None:
            run = self.run
            looking = LookingBack(
                run.store, self._feeds, run.observe, run.run_id, run.now, run.calendars
            )
            self._looked_back = await looking.before(
                priced.scope, self.look_back, priced.survey.asset_types
            )
            self._writer.named.update(
                Symbol(code, self.exchange) for code in self._looked_back.named
            )

    async def _commit(self, priced: PricedSession) -> None:
        scope, bulk_session = priced.scope, priced.bulk_session
        if bulk_session.position:
            bulk_session = await self._writer.with_actions(bulk_session, self._feeds)
        looked_back = self._looked_back or LookedBack()
        bulk_session = replace(bulk_session, named=bulk_session.named | looked_back.named)
        await self.run.bulk.requeue(scope, bulk_session.position)
        unbroken_since = await self._writer.recheck(priced, self._feeds, bulk_session.named)
        newest = min(self.published[segment] for segment in scope.segments)
        settling = looked_back.settling(scope.session, newest)
        done = await self._writer.advance(
            scope, priced.survey, bulk_session, unbroken_since, settling
        )
        self._note(priced, done)
        if scope.session < max(self.published.values()):
            await self.run.bulk.mark_rechecked(self.exchange, scope.session)
        await note_doubts(
            self.run.store,
            self.run.calendars,
            self.exchange,
            bulk_session,
            done,
            self.run.now,
            is_newest=scope.session == newest,
        )

    def _scope(self, session: date, since: date) -> SessionScope:
        segments = [segment for segment, last in self.published.items() if last >= session]
        return SessionScope(exchange=self.exchange, session=session, since=since, segments=segments)

    def _note(self, priced: PricedSession, done: list[Advanced]) -> None:
        calls = self._feeds.calls - (self._looked_back.calls if self._looked_back else 0)
        rows = len(priced.bulk_session.bars)
        self._totals.add_session(priced.scope.session, rows, done, calls)
