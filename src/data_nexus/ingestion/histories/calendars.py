"""The calendars of a run, and what its answers say against them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from data_nexus.database.store import Store
from data_nexus.domain.bars import Bars
from data_nexus.domain.calendar.evidence import ExchangeEvidence, is_upheld
from data_nexus.domain.calendar.learned import NOTHING_LEARNED, Calendars, LearnedSession
from data_nexus.domain.planning.due import session_before
from data_nexus.domain.symbol import Symbol
from data_nexus.events import Observer, Warned

_NAMED = 3


@dataclass(slots=True)
class RunCalendars:
    """The calendars in use are `known`: loaded before the first answer, and when they change."""

    store: Store
    observe: Observer
    known: Calendars = NOTHING_LEARNED
    _is_loaded: bool = False
    _seen: dict[str, date] = field(default_factory=dict)
    _evidence: dict[str, ExchangeEvidence] = field(default_factory=dict)

    async def load(self) -> Calendars:
        """Return the calendars with what is learned by now."""
        if not self._is_loaded:
            self._seen = await self.store.sessions.sightings()
            self.known = await self.store.calendars.read()
            self._is_loaded = True
        return self.known

    async def of(self, exchange: str, moment: datetime) -> Calendars:
        """Return the calendars, that of an exchange being computed."""
        await self._evidence_of(exchange, moment)
        return self.known

    async def note(self, symbol: Symbol, bars: Bars, moment: datetime) -> None:
        """Count the bars of an asset's answer as evidence."""
        if len(bars):
            (await self._evidence_of(symbol.exchange, moment)).note(symbol.code, bars)

    def answers(self, exchange: str) -> int:
        """Return how many answers with bars were counted since something was last learned."""
        found = self._evidence.get(exchange)
        return found.answers if found else 0

    async def learn(self) -> None:
        """Store what the answers since the last time have shown, and use it from now on."""
        found = [one for each in self._evidence.values() for one in await self._upheld(each)]
        new = await self.store.calendars.learn(found)
        for exchange in sorted({each.exchange for each in new}):
            of_exchange = [each for each in new if each.exchange == exchange]
            self.observe(Warned(exchange, _sentence(of_exchange)))
        self._evidence.clear()
        self._is_loaded = False
        await self.load()

    async def _upheld(self, evidence: ExchangeEvidence) -> list[LearnedSession]:
        """Return what the answers of an exchange show, unless what is stored speaks against it."""
        found, exchange = [*evidence.found()], evidence.exchange
        if not found:
            return []
        before = {each.date: session_before(exchange, each.date, self.known) for each in found}
        stored = await self.store.calendars.stored_on(exchange, {*before, *before.values()})
        seen = self._seen.get(exchange, date.max)
        return [
            each
            for each in found
            if is_upheld(
                each,
                stored.get(each.date, 0),
                stored.get(before[each.date], 0),
                is_new=each.date > seen,
            )
        ]

    async def _evidence_of(self, exchange: str, moment: datetime) -> ExchangeEvidence:
        if exchange not in self._evidence:
            calendars, through = await self.load(), moment.date()
            # A calendar may have to be computed.
            sessions = await asyncio.to_thread(
                calendars.of, exchange, through + timedelta(days=366)
            )
            opened = [day for day, is_open in calendars.learned.get(exchange, ()) if is_open]
            found = ExchangeEvidence(exchange, sessions, through, self._seen.get(exchange), opened)
            # Another answer may have come first.
            self._evidence.setdefault(exchange, found)
        return self._evidence[exchange]


def _sentence(learned: Sequence[LearnedSession]) -> str:
    """Say what was learned of an exchange."""
    parts = []
    for is_open, word in ((True, "traded"), (False, "was shut")):
        dates = [str(each.date) for each in learned if each.is_open == is_open]
        if dates:
            more = f" and {len(dates) - _NAMED:,} days more" if len(dates) > _NAMED else ""
            parts.append(f"{word} on {', '.join(dates[-_NAMED:])}{more}")
    return f"against its calendar the exchange {'; it '.join(parts)}"
