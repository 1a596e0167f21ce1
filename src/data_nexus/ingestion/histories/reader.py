"""Read an asset's history from the vendor: its last bars, or all if these do not match any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from data_nexus.database.store import Store
from data_nexus.database.store.batch import Batch, Outcome
from data_nexus.domain.calendar.publication import Published, kind_of, last_published
from data_nexus.domain.calendar.window import Window, whole_window, window_to_ask
from data_nexus.domain.planning.cursor import (
    NO_REACH,
    Reach,
    limited,
    reach_of_due,
    reach_of_history,
)
from data_nexus.domain.planning.due import rest_days
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import NOTICE_CHARS, excerpt, one_line
from data_nexus.domain.validation.check import check
from data_nexus.domain.validation.overlap import Break, overlap_break
from data_nexus.domain.validation.price_kinds import PriceKind, PriceKinds
from data_nexus.eodhd.decode_bars import decode_bars
from data_nexus.eodhd.requests import history_request
from data_nexus.errors import Fenced, NotListed, Park
from data_nexus.events import Observer, Reread, Warned
from data_nexus.ingestion.fetching.requester import FetchState, Requester, never_again
from data_nexus.ingestion.histories.calendars import RunCalendars
from data_nexus.ingestion.histories.pipeline import (
    CheckedHistory,
    absent_batch,
    batch_of,
    checked_history,
    resting,
    with_reach,
)
from data_nexus.ingestion.histories.suspected import judged, suspected


@dataclass(slots=True)
class HistoryReader:
    """Brings answers as batches to commit; `redact` removes the token from the vendor's texts.

    `kinds` says whose prices may be zero or negative, `calendars` collect what bars say against
    them. All of a history is fetched at once if its asset is `named`: it is known to have changed.
    `seen` is the latest session of each exchange of which any bar has been received: a session
    without one may be late, whatever the calendar says. `too_early` are the assets fetched before
    that, each with what will be known of it once one is. `clock` is the run's; without it each
    answer is dated by the database's, by which windows end in any case.
    """

    store: Store
    requester: Requester
    reread_days: int
    redact: Callable[[str], str]
    observe: Observer
    kinds: PriceKinds
    calendars: RunCalendars
    named: set[Symbol] = field(default_factory=set)
    seen: dict[str, date] = field(default_factory=dict)
    clock: Callable[[], datetime] | None = None
    too_early: list[tuple[Lease, Reach]] = field(default_factory=list)

    @property
    def now(self) -> datetime | None:
        """The moment by the run's clock."""
        return self.clock() if self.clock else None

    async def read(self, lease: Lease, state: FetchState) -> Batch:
        """Return the asset's answer; all of its history if the last bars do not match any more."""
        if not state.is_wanted():
            raise Fenced(f"{lease.symbol}: the lease may have run out")
        moment = self.store.clock.now()
        # What the vendor publishes while the answer is under way may not be in it.
        sent = self.now or moment
        window = self._window(lease, moment)
        try:
            history = await self._fetch(lease, window, state)
            if await self._is_broken(lease, history):
                window = whole_window(moment)
                history = await self._fetch(lease, window, state)
        except NotListed:
            batch = absent_batch(lease, window, state)
            batch = await suspected(self.store, batch, self.now or moment, is_signed=False)
            return await self._timed(batch, sent)
        is_signed = self.kinds.of(lease.symbol, lease.asset_type) is PriceKind.SIGNED
        batch = batch_of(lease, history, state, self.redact)
        batch = await judged(self.store, batch, is_signed=is_signed)
        await self.calendars.note(lease.symbol, batch.bars, self.now or moment)
        batch = await suspected(self.store, batch, self.now or moment, is_signed=is_signed)
        return await self._timed(batch, sent)

    async def ask_witness(self, symbol: Symbol) -> None:
        """Fetch a symbol's bars, only to see whether the vendor answers; none are kept.

        Raises `NotListed` for an answer without any that could be stored.
        """
        window = whole_window(self.store.clock.now())
        request = history_request(symbol, window)
        answer = await self.requester.fetch(
            request, lambda body: decode_bars(body, symbol), FetchState(failed=never_again)
        )
        bars = answer.decoded.bars
        if not len(check(bars, window, self.kinds.of(symbol, "")).kept):
            raise NotListed(f"{symbol}: {'all rows break a rule' if len(bars) else 'no bars'}")

    def known_absent(self) -> list[tuple[Lease, Reach]]:
        """Return what was asked too early, and what its answer is known to mean by now."""
        return [
            (lease, reach)
            for lease, reach in self.too_early
            if reach.passes_to and self.seen[lease.symbol.exchange] >= reach.passes_to
        ]

    def _window(self, lease: Lease, moment: datetime) -> Window:
        is_whole = lease.cause is not None or lease.symbol in self.named
        if is_whole or lease.last_bar is None:
            return whole_window(moment)
        window = window_to_ask(lease.last_bar, self.reread_days, moment)
        # What is provisional is compared, too.
        return replace(window, first=min(window.first, lease.settled_through or window.first))

    async def _fetch(self, lease: Lease, window: Window, state: FetchState) -> CheckedHistory:
        request = history_request(lease.symbol, window)
        answer = await self.requester.fetch(
            request, lambda body: decode_bars(body, lease.symbol), state
        )
        if answer.decoded.notice:
            notice = excerpt(one_line(answer.decoded.notice), NOTICE_CHARS, self.redact)
            self.observe(Warned(str(lease.symbol), notice))
        try:
            return checked_history(lease, window, answer, self.kinds)
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

    async def _timed(self, batch: Batch, sent: datetime) -> Batch:
        """Date an answer, and say up to which session it speaks and how long the asset rests."""
        batch = replace(batch, moment=self.now)
        published = await self._published(batch.lease, sent)
        if batch.lease.published is None:
            batch = with_reach(batch, reach_of_history(published, batch.bars.last_date()))
        else:
            batch = resting(self._as_due(batch, published))
        if self.now is None or batch.absent_days is None:
            return batch
        exchange, calendars = batch.lease.symbol.exchange, self.calendars.known
        rest = rest_days(exchange, self.now, batch.absent_days, calendars)
        return replace(batch, absent_days=rest)

    async def _published(self, lease: Lease, moment: datetime) -> Published:
        """Return the sessions that the vendor must have published when a request was sent."""
        exchange, kind = lease.symbol.exchange, kind_of(lease.venue, lease.asset_type)
        return last_published(exchange, kind, moment, await self.calendars.of(exchange, moment))

    def _as_due(self, batch: Batch, published: Published) -> Batch:
        """Let an answer speak of the sessions that are certainly published."""
        exchange = batch.lease.symbol.exchange
        seen = max(batch.bars.last_date() or date.min, self.seen.get(exchange, date.min))
        self.seen[exchange] = seen
        if batch.outcome is not Outcome.STORED and batch.lease.last_bar is not None:
            # No answer of an asset that has bars: it does not say that it has not traded.
            return with_reach(batch, NO_REACH)
        reach = reach_of_due(published, seen)
        if batch.is_behind:
            # It may be old: of what comes after its end it says nothing.
            return with_reach(batch, limited(reach, batch.bars.last_date()))
        if reach.passes_to != published.last:
            is_compared = batch.outcome is Outcome.STORED
            later = Reach(published.last, published.before if is_compared else None)
            self.too_early.append((batch.lease, later))
        return with_reach(batch, reach)
