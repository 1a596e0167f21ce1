"""Owns how one asset's answer is got: ask, decode, and if the seam is broken ask for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from data_nexus.database.store import Store
from data_nexus.database.store.batch import Batch, Outcome
from data_nexus.domain.adjustment.findings import NOTHING_KNOWN, verdict
from data_nexus.domain.lease import Lease
from data_nexus.domain.planning.due import rest_days
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.overlap import overlap_break
from data_nexus.domain.window import Window, whole_window, window_to_ask
from data_nexus.eodhd.requests import Request, history_request
from data_nexus.errors import Fenced, NotListed, Park
from data_nexus.events import Observer, Reread, Warned
from data_nexus.ingestion.fetching.requester import FetchState, Requester
from data_nexus.ingestion.histories.pipeline import Paid, absent_batch, batch_of, up_to_session


@dataclass(slots=True)
class HistoryReader:
    """Brings answers as batches to commit; `redact` blots the token out of what the vendor says.

    `named` are assets whose history is known to have changed: all of it is asked for at once.
    `seen` is the latest session of each exchange of which any bar has come: a session that nobody
    has a bar of may be late, whatever the calendar says. `too_early` are those that were asked for
    before anybody's bar of their session had come, each with the session that was seen by then.
    `now` is the run's moment; without it each answer has its own.
    """

    store: Store
    requester: Requester
    reread_days: int
    redact: Callable[[str], str]
    observe: Observer
    named: set[Symbol] = field(default_factory=set)
    seen: dict[str, date] = field(default_factory=dict)
    now: datetime | None = None
    too_early: list[tuple[Lease, date]] = field(default_factory=list)
    _decoding: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, lease: Lease, state: FetchState) -> Batch:
        """Return the asset's answer; all of its history if the last bars do not match any more."""
        if not state.is_wanted():
            raise Fenced(f"{lease.symbol}: the lease may have run out")
        batch = await self._judged(await self._read(lease, state, datetime.now(UTC)))
        batch = replace(batch, moment=self.now)
        if lease.published is not None:
            batch = self._up_to_session(batch, lease.published)
        if self.now is None or batch.absent_days is None:
            return batch
        rest = rest_days(lease.symbol.exchange, self.now, batch.absent_days)
        return replace(batch, absent_days=rest)

    def _up_to_session(self, batch: Batch, published: date) -> Batch:
        """Let an answer speak of the sessions that are out for sure."""
        exchange = batch.lease.symbol.exchange
        last = max(batch.bars.last_date() or date.min, self.seen.get(exchange, date.min))
        self.seen[exchange] = last
        session = min(published, last)
        if session < published:
            self.too_early.append((batch.lease, session))
        return up_to_session(batch, session)

    def known_absent(self) -> list[tuple[Lease, date]]:
        """Return who was asked too early, and up to which session it is known to have no bar."""
        return [
            (lease, min(lease.published or seen, seen))
            for lease, before in self.too_early
            if (seen := self.seen[lease.symbol.exchange]) > before
        ]

    async def _read(self, lease: Lease, state: FetchState, moment: datetime) -> Batch:
        is_whole = lease.is_audit or lease.symbol in self.named
        window = window_to_ask(None if is_whole else lease.last_bar, self.reread_days, moment)
        batch = await self._ask(lease, window, state)
        if batch.window.is_whole or batch.outcome is not Outcome.STORED:
            return batch
        found = overlap_break(
            await self.store.commits.stored_bars(lease, batch.window.first), batch.bars
        )
        if found is None:
            return batch
        self.observe(Reread(str(lease.symbol), found.value))
        return await self._ask(lease, whole_window(moment), state)

    async def _judged(self, batch: Batch) -> Batch:
        """Say of a whole history whether the stored actions explain its adjusted closes."""
        if not (batch.window.is_whole and len(batch.bars)):
            return batch
        known = NOTHING_KNOWN
        if not batch.lease.is_first:
            known = await self.store.actions.known(batch.lease.asset_id)
        return replace(batch, verdict=verdict(batch.bars, known))

    async def _ask(self, lease: Lease, window: Window, state: FetchState) -> Batch:
        async def read(body: bytes) -> Batch:
            return await self._decode(lease, window, body, state.spent)

        try:
            return await self.requester.fetch(history_request(lease.symbol, window), read, state)
        except NotListed:
            return absent_batch(lease, window, _paid(state.spent))

    async def _decode(
        self, lease: Lease, window: Window, body: bytes, spent: Sequence[Request]
    ) -> Batch:
        async with self._decoding:
            try:
                batch, notice = batch_of(lease, window, body, _paid(spent), self.redact)
            except Park as unfit:
                unfit.status, unfit.body = 200, body
                raise
            # A pause after each answer: else the answers that arrived together keep the loop so
            # busy that the writers' sockets starve while PostgreSQL waits for rows.
            await asyncio.sleep(0)
        if notice:
            self.observe(Warned(str(lease.symbol), notice))
        return batch


def _paid(spent: Sequence[Request]) -> Paid:
    return Paid(sum(request.calls for request in spent), len(spent))
