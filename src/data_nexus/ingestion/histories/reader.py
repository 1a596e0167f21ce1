"""Read an asset's history from the vendor: its last bars, or all if these do not match any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from data_nexus.database.store import Store
from data_nexus.database.store.batch import Batch
from data_nexus.domain.adjustment.findings import NOTHING_KNOWN, verdict
from data_nexus.domain.lease import Lease
from data_nexus.domain.planning.due import rest_days
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import NOTICE_CHARS, excerpt, one_line
from data_nexus.domain.validation.overlap import Break, overlap_break
from data_nexus.domain.window import Window, whole_window, window_to_ask
from data_nexus.eodhd.decode_bars import decode_bars
from data_nexus.eodhd.requests import history_request
from data_nexus.errors import Fenced, NotListed, Park
from data_nexus.events import Observer, Reread, Warned
from data_nexus.ingestion.fetching.requester import FetchState, Requester
from data_nexus.ingestion.histories.pipeline import (
    CheckedHistory,
    absent_batch,
    batch_of,
    checked_history,
    up_to_session,
)


@dataclass(slots=True)
class HistoryReader:
    """Brings answers as batches to commit; `redact` removes the token from the vendor's texts.

    `named` are assets whose history is known to have changed: all of it is fetched at once.
    `seen` is the latest session of each exchange of which any bar has been received: a session of
    which no asset has a bar may be late, whatever the calendar says. `too_early` are the assets
    fetched before the first bar of their session was received, each with the session seen by
    then. `now` is the run's moment; without it each answer has its own. Windows end by the
    database's clock.
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

    async def read(self, lease: Lease, state: FetchState) -> Batch:
        """Return the asset's answer; all of its history if the last bars do not match any more."""
        if not state.is_wanted():
            raise Fenced(f"{lease.symbol}: the lease may have run out")
        moment = self.store.clock.now()
        window = self._window(lease, moment)
        try:
            history = await self._fetch(lease, window, state)
            if await self._is_broken(lease, history):
                window = whole_window(moment)
                history = await self._fetch(lease, window, state)
        except NotListed:
            return self._timed(absent_batch(lease, window, state))
        return self._timed(await self._judged(batch_of(lease, history, state, self.redact)))

    async def ask_witness(self, symbol: Symbol) -> None:
        """Fetch a symbol's last bars, only to see whether the vendor answers; none are kept."""
        last = self.store.clock.now().date()
        window = window_to_ask(last, self.reread_days, self.store.clock.now())
        request = history_request(symbol, window)
        await self.requester.fetch(request, lambda body: decode_bars(body, symbol), FetchState())

    def known_absent(self) -> list[tuple[Lease, date]]:
        """Return what was asked too early, and up to which session it is known to have no bar."""
        return [
            (lease, min(lease.published or seen, seen))
            for lease, before in self.too_early
            if (seen := self.seen[lease.symbol.exchange]) > before
        ]

    def _window(self, lease: Lease, moment: datetime) -> Window:
        is_whole = lease.cause is not None or lease.symbol in self.named
        return window_to_ask(None if is_whole else lease.last_bar, self.reread_days, moment)

    async def _fetch(self, lease: Lease, window: Window, state: FetchState) -> CheckedHistory:
        request = history_request(lease.symbol, window)
        answer = await self.requester.fetch(
            request, lambda body: decode_bars(body, lease.symbol), state
        )
        if answer.decoded.notice:
            notice = excerpt(one_line(answer.decoded.notice), NOTICE_CHARS, self.redact)
            self.observe(Warned(str(lease.symbol), notice))
        try:
            return checked_history(lease, window, answer)
        except Park as unfit:
            unfit.request = request.text
            raise

    async def _is_broken(self, lease: Lease, history: CheckedHistory) -> bool:
        """Whether the answer is not what the stored bars of its window let expect.

        An answer without any bar of a window that holds some is not believed at once, nor is one
        without any history.
        """
        if lease.last_bar is None:
            return False
        if history.window.is_whole:
            found = None if history.checked.received else Break.WITHDRAWN
        else:
            first = history.window.first
            stored = await self.store.commits.stored_bars(lease.asset_id, first)
            kept, rejected = history.checked.kept, history.rejected_dates
            found = overlap_break(stored, kept, lease.last_bar, rejected)
        if found is not None:
            self.observe(Reread(str(lease.symbol), found.value))
        return found is not None

    async def _judged(self, batch: Batch) -> Batch:
        """Say of a whole history whether the stored actions explain its adjusted closes."""
        if not (batch.window.is_whole and len(batch.bars)):
            return batch
        known = NOTHING_KNOWN
        if not batch.lease.is_first:
            known = await self.store.actions.known(batch.lease.asset_id)
        return replace(batch, verdict=verdict(batch.bars, known))

    def _timed(self, batch: Batch) -> Batch:
        """Date an answer, and say up to which session it speaks and how long the asset rests."""
        batch = replace(batch, moment=self.now)
        if batch.lease.published is not None:
            batch = self._up_to_session(batch, batch.lease.published)
        if self.now is None or batch.absent_days is None:
            return batch
        rest = rest_days(batch.lease.symbol.exchange, self.now, batch.absent_days)
        return replace(batch, absent_days=rest)

    def _up_to_session(self, batch: Batch, published: date) -> Batch:
        """Let an answer speak of the sessions that are certainly published."""
        exchange = batch.lease.symbol.exchange
        last = max(batch.bars.last_date() or date.min, self.seen.get(exchange, date.min))
        self.seen[exchange] = last
        session = min(published, last)
        if session < published:
            self.too_early.append((batch.lease, session))
        return up_to_session(batch, session)
