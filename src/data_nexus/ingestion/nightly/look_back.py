"""Look back before a session in bulk: what the vendor has settled, sent or worked in since.

The prices of the session before are compared with the stored ones, and the actions of the sessions
before with the stored actions. Whatever is in doubt afterwards is noted, to be read individually.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from data_nexus.database.store import Store
from data_nexus.database.store.bulk.second_looks import LookedAgain
from data_nexus.database.store.bulk.sessions import NOTHING_SETTLED, SessionScope, Settling
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.planning.due import session_before, sessions_up_to
from data_nexus.domain.planning.look_back import LookBack
from data_nexus.domain.planning.suspicion import Reason, Suspicion
from data_nexus.domain.texts import counted
from data_nexus.domain.validation.withdrawal import A_FEW
from data_nexus.events import Observer, Warned
from data_nexus.ingestion.fetching.drain import NOT_FETCHED
from data_nexus.ingestion.nightly.feeds import BulkFeeds
from data_nexus.ingestion.reports.run_report import LookBackReport


@dataclass(frozen=True, slots=True)
class LookedBack:
    """What a look back brought: the last `session` compared, and the codes to reload."""

    session: date | None = None
    named: frozenset[str] = frozenset()
    reports: tuple[LookBackReport, ...] = ()

    @property
    def calls(self) -> int:
        """What the sessions that were compared cost, with the actions."""
        return sum(each.calls for each in self.reports)

    def then(self, looked: LookedBack, calls: int) -> LookedBack:
        """Return this with what the next session has brought, and cost."""
        reports = (replace(each, calls=calls) for each in looked.reports)
        return LookedBack(looked.session, self.named | looked.named, (*self.reports, *reports))

    def settling(self, session: date, newest: date) -> Settling:
        """Return what advancing by a session settles; `newest` is the last one published."""
        if self.session is None:
            return NOTHING_SETTLED
        return Settling(session if session < newest else self.session, self.session)


@dataclass(frozen=True, slots=True)
class LookingBack:
    """Looks back over the sessions of one exchange, at the moment `now` of an update."""

    store: Store
    feeds: BulkFeeds
    observe: Observer
    run_id: int
    now: datetime
    calendars: Calendars

    async def before(
        self, scope: SessionScope, plan: LookBack, asset_types: Mapping[str, str]
    ) -> LookedBack:
        """Look back from a session that is out, as far as the plan allows.

        Trouble is reported and costs no more than what could not be compared: it stays provisional.
        """
        exchange, found, named = scope.exchange, LookedBack(), frozenset[str]()
        sessions = await asyncio.to_thread(
            sessions_up_to, exchange, scope.session, plan.prices, self.calendars
        )
        for session in sessions[:-1]:
            calls = self.feeds.calls
            try:
                if session == sessions[-2]:
                    named = frozenset(await self._actions(exchange, session, plan))
                looked = await self._prices(replace(scope, session=session), named, asset_types)
            except NOT_FETCHED as error:
                self.observe(Warned(exchange, f"the session {session} was not compared: {error}"))
                looked = LookedBack(named=named)
            found = found.then(looked, self.feeds.calls - calls)
        return found

    async def _prices(
        self, scope: SessionScope, named: frozenset[str], asset_types: Mapping[str, str]
    ) -> LookedBack:
        exchange, session = scope.exchange, scope.session
        before = await asyncio.to_thread(session_before, exchange, session, self.calendars)
        answer = await self.feeds.prices(session, asset_types)
        answer = replace(answer, named=answer.named | named)
        looked = await self.store.second_looks.compare(scope, answer, self.run_id, before)
        await self.store.sessions.mark_rechecked(exchange, session)
        if looked.is_cut:
            text = f"the prices of {session} lack {len(looked.unsent):,} stored bars"
            self.observe(Warned(exchange, f"{text}: taken for cut, nothing was compared"))
            return LookedBack(named=named)
        await self._note_doubts(scope, looked, {*answer.rejected})
        return LookedBack(
            session=session,
            named=named | looked.to_reload,
            reports=(
                LookBackReport(
                    exchange=exchange,
                    session=session.isoformat(),
                    calls=0,
                    rows=len(answer.bars),
                    revised=looked.revised,
                    late=looked.late,
                    unsent=len(looked.unsent),
                ),
            ),
        )

    async def _actions(self, exchange: str, session: date, plan: LookBack) -> set[str]:
        """Store the actions of some sessions; return the codes with one that is new or gone."""
        if not plan.actions:
            return set()
        sessions = await asyncio.to_thread(
            sessions_up_to, exchange, session, plan.actions - 1, self.calendars
        )
        splits: dict[str, tuple[Split, ...]] = {}
        dividends: dict[str, tuple[Dividend, ...]] = {}
        named = set[str]()
        for each in reversed(sessions):
            found = await self.feeds.actions(each)
            named |= found.named
            for code, split in found.splits.items():
                splits[code] = (*splits.get(code, ()), *split)
            for code, paid in found.dividends.items():
                dividends[code] = (*dividends.get(code, ()), *paid)
        unknown = await self.store.session_feeds.unknown_actions(exchange, splits, dividends)
        await self.store.session_feeds.store_actions(
            exchange,
            {code: each for code, each in splits.items() if code in unknown},
            {code: each for code, each in dividends.items() if code in unknown},
        )
        doubted = unknown | await self._withdrawn_actions(exchange, sessions, named)
        await self.store.suspicions.note(
            [Suspicion(each, Reason.ACTION, session, self.now) for each in doubted.values()]
        )
        return set(doubted)

    async def _withdrawn_actions(
        self, exchange: str, sessions: Sequence[date], named: Container[str]
    ) -> dict[str, int]:
        """Return the assets, by code, of which the vendor lists the action of a session no more."""
        stored = await self.store.session_feeds.with_actions_on(exchange, sessions)
        gone = {code: asset_id for code, asset_id in stored.items() if code not in named}
        if len(gone) > max(A_FEW, len(stored) // 2):
            text = f"the actions of {sessions[-1]} lack those of {counted(len(gone), 'asset')}"
            self.observe(Warned(exchange, f"{text}: taken for cut"))
            return {}
        return gone

    async def _note_doubts(
        self, scope: SessionScope, looked: LookedAgain, rejected: set[str]
    ) -> None:
        """Note which assets are to be read individually because of a session."""
        store, exchange = self.store, scope.exchange
        for reason in (Reason.LATE, Reason.REJECTED):
            await store.suspicions.end(reason, looked.arrived)
        doubts = (
            (Reason.UNSENT, looked.unsent),
            (Reason.LEAP, looked.to_reload),
            (Reason.REJECTED, rejected),
        )
        for reason, codes in doubts:
            if codes:
                ids = await store.session_feeds.ids_of(exchange, codes)
                found = [Suspicion(each, reason, scope.session, self.now) for each in ids.values()]
                await store.suspicions.note(found)
