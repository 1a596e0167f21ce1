"""Read actions: the splits and dividends of assets whose bars show that some are not stored.

An asset is claimed for it like one that is due, so that no two workers fetch the same one, and a
commit of bars cannot slip in between: both hold its lease and its fence.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from data_nexus.database.store import Due
from data_nexus.database.store.actions import VendorActions
from data_nexus.database.store.batch import RejectedRow
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import NO_DATE, days
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.lease import Lease
from data_nexus.domain.planning.due import PROBED_AFTER
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import NOTICE_CHARS, excerpt, one_line
from data_nexus.eodhd.decode_actions import (
    Actions,
    decode_dividends,
    decode_splits,
    ex_dates,
    excerpts,
)
from data_nexus.eodhd.requests import Request, dividends_request, splits_request
from data_nexus.errors import (
    BrokenAnswer,
    Fenced,
    NexusError,
    NotInPlan,
    NotListed,
    Park,
    Pause,
    Postpone,
    RequestRefused,
    Retry,
    Stop,
    VendorUnavailable,
)
from data_nexus.events import ActionsFailed, ActionsRead, TransactionCommitted, Warned
from data_nexus.ingestion.fetching.drain import Drained
from data_nexus.ingestion.fetching.requester import FetchState, never_again
from data_nexus.ingestion.histories.doubtful_answers import Doubtful, DoubtfulAnswers
from data_nexus.ingestion.histories.queue import LeaseQueue
from data_nexus.ingestion.nightly.context import UpdateRun
from data_nexus.ingestion.wiring import foreseen

_ENDPOINTS = (Endpoint.SPLITS, Endpoint.DIVIDENDS)
Action = TypeVar("Action", Split, Dividend)


async def wanting(update_run: UpdateRun, exchange: str | None) -> dict[str, int]:
    """Return the number of assets whose actions are to be fetched, by exchange.

    Those whose actions the vendor has refused to the key wait until it is tried again.
    """
    wanted = await update_run.store.actions.wanted(exchange)
    refused: set[str] = set()
    for endpoint in _ENDPOINTS if wanted else ():
        since = update_run.now - PROBED_AFTER
        refused |= await update_run.quota.refused(endpoint, since)
    return {name: assets for name, assets in wanted.items() if name not in refused}


async def read_actions(update_run: UpdateRun, exchange: str | None) -> None:
    """Fetch the wanted actions, of one exchange or of all, and store them."""
    if update_run.is_over:
        return
    for name in await wanting(update_run, exchange):
        if not update_run.is_over:
            await ActionReader(update_run, name).run()


@dataclass(frozen=True, slots=True)
class _CheckedActions(Generic[Action]):
    """The actions of an asset that an endpoint sent, and the rows that were rejected."""

    actions: Actions[Action]
    rejects: tuple[RejectedRow, ...]


@dataclass(slots=True)
class ActionReader:
    """Reads the wanted actions of one exchange, some assets at a time."""

    update_run: UpdateRun
    exchange: str
    _refused: Endpoint | None = None
    _was_answered: bool = False
    _doubts: DoubtfulAnswers = field(init=False)

    def __post_init__(self) -> None:
        update_run = self.update_run
        self._doubts = DoubtfulAnswers(
            ask=self._ask_witness,
            witnesses=update_run.store.leases.witnesses,
            leave_due=self._leave_due,
            observe=update_run.observe,
            drain=update_run.drain,
            waits=update_run.requester.waits,
            first_wait_sec=update_run.requester.breakers.first_open_sec,
        )

    async def run(self) -> None:
        """Fetch until none is wanted or the run is over; raise `StorageUnavailable`."""
        update_run = self.update_run
        due = Due(update_run.now, self.exchange, wants_actions=True)
        queue = LeaseQueue(update_run.store, due, limit=None)
        try:
            async with asyncio.TaskGroup() as tasks:
                renewing = tasks.create_task(self._renew(), name="renew leases")
                readers = [
                    tasks.create_task(self._read_due(queue), name="action reader")
                    for _ in range(update_run.settings.concurrency)
                ]
                await asyncio.wait(readers)
                await self._read_suspects(queue)
                await self._settle_doubts()
                renewing.cancel()
        except BaseExceptionGroup as group:
            raise foreseen(group) from None
        await update_run.store.leases.release_all()
        await self._note_refusal()

    async def _renew(self) -> None:
        store = self.update_run.store.leases
        while True:
            await asyncio.sleep(store.lease_sec / 3)
            await store.renew()

    @property
    def _is_over(self) -> bool:
        return self.update_run.is_over or self._refused is not None

    async def _read_due(self, queue: LeaseQueue) -> None:
        while not self._is_over and (lease := await queue.next()):
            await self._read_one(lease)

    async def _read_suspects(self, queue: LeaseQueue) -> None:
        """Read the assets whose worker was lost, one at a time, as the engine does."""
        while not self._is_over and (lease := await queue.next_suspect()):
            await self._read_one(lease, is_suspect=True)

    async def _read_one(self, lease: Lease, *, is_suspect: bool = False) -> None:
        """Take one lease to its end: actions stored together, or an error settled."""
        update_run = self.update_run
        state = FetchState(is_wanted=lambda: update_run.store.leases.trusts(lease))
        state.failed = self._doubts.attempts_of(lease, state.begun)
        try:
            actions = await self._fetch_actions(lease, state)
            if actions.splits is None and actions.dividends is None:
                # Its bars are served: it is no more likely than a refusal.
                absent = RequestRefused(f"{lease.symbol}: neither splits nor dividends found", 404)
                doubtful = Doubtful(
                    lease, absent, state.begun, lambda: self._settle_absent(lease, actions)
                )
                await self._doubt(doubtful, is_suspect=is_suspect)
                return
            await self._doubts.note_good()
            await self._store(lease, actions)
        except Drained:
            await update_run.store.leases.release([lease], failed=False)
        except NexusError as error:
            await self._settle_error(lease, error, state, is_suspect=is_suspect)

    async def _doubt(self, doubtful: Doubtful, *, is_suspect: bool) -> None:
        """Hold an unfit answer back; end the run when all assets seem to get such answers."""
        doubts = self._doubts
        try:
            await (doubts.pass_by(doubtful) if is_suspect else doubts.hold(doubtful))
        except (Stop, Pause) as error:
            self._end(error)

    async def _leave_due(self, doubtful: Sequence[Doubtful]) -> None:
        """Give assets back whose unfit answers are not believed; their actions stay wanted."""
        leases = [each.lease for each in doubtful]
        await self.update_run.store.leases.release(leases, failed=True)
        for each in doubtful:
            self._count_failure(each.lease, each.error)

    async def _settle_doubts(self) -> None:
        if isinstance(self.update_run.ended_by, VendorUnavailable):
            await self._doubts.give_up()
        else:
            await self._doubts.settle()

    async def _ask_witness(self, symbol: Symbol) -> None:
        """Fetch a symbol's splits, only to see whether the vendor answers; none are kept."""
        await self.update_run.drainable.fetch(
            splits_request(symbol),
            lambda body: decode_splits(body, symbol),
            FetchState(failed=never_again),
        )

    async def _fetch_actions(self, lease: Lease, state: FetchState) -> VendorActions:
        symbol = lease.symbol
        splits = await self._fetch(symbol, splits_request(symbol), decode_splits, state)
        dividends = await self._fetch(symbol, dividends_request(symbol), decode_dividends, state)
        answers = [each for each in (splits, dividends) if each is not None]
        notices = {each.actions.notice for each in answers if each.actions.notice}
        for notice in notices:
            text = excerpt(one_line(notice), NOTICE_CHARS, self.update_run.reader.redact)
            self.update_run.observe(Warned(str(symbol), text))
        return VendorActions(
            splits=None if splits is None else splits.actions.actions,
            dividends=None if dividends is None else dividends.actions.actions,
            # With the notice come the actions of one year only: the free plan.
            are_all=not notices,
            rejects=tuple(row for each in answers for row in each.rejects),
        )

    async def _fetch(
        self,
        symbol: Symbol,
        request: Request,
        decode: Callable[[bytes, Symbol], Actions[Action]],
        state: FetchState,
    ) -> _CheckedActions[Action] | None:
        """Return what an endpoint sends; None where the vendor does not know the symbol."""
        update_run = self.update_run

        try:
            answer = await update_run.drainable.fetch(
                request, lambda body: decode(body, symbol), state
            )
        except NotListed:
            return None
        actions, redact = answer.decoded, update_run.reader.redact
        return _CheckedActions(actions, _rejected_rows(answer.body, actions, redact))

    async def _store(self, lease: Lease, actions: VendorActions) -> None:
        update_run, started = self.update_run, time.monotonic()
        found = await update_run.store.actions.settle(lease, actions)
        if found is None:
            raise Fenced(f"{lease.symbol}: the lease was lost; nothing was written")
        self._was_answered = True
        splits, dividends = actions.splits or (), actions.dividends or ()
        update_run.observe(TransactionCommitted(1, 0, time.monotonic() - started))
        update_run.observe(
            ActionsRead(
                symbol=str(lease.symbol),
                splits=len(splits),
                dividends=len(dividends),
                findings=len(found),
                rejected_by_rule=Counter(row.rule for row in actions.rejects),
            )
        )

    async def _settle_error(
        self, lease: Lease, error: NexusError, state: FetchState, *, is_suspect: bool
    ) -> None:
        update_run = self.update_run
        match error:
            case NotInPlan():
                self._refused = state.sent[-1].endpoint
            case Stop() | Pause():
                self._end(error)
            case Park():
                error.body = b""  # many may be held, and bodies are large
                put_off = Doubtful(lease, error, state.begun, lambda: self._put_off(lease, error))
                await self._doubt(put_off, is_suspect=is_suspect)
                return
            case Retry() | Postpone() | Fenced():
                self._count_failure(lease, error)
            case _:
                raise error
        await update_run.store.leases.release([lease], failed=isinstance(error, Retry | Postpone))
        if isinstance(error, BrokenAnswer):
            await self._doubt(Doubtful(lease, error, state.begun), is_suspect=False)

    async def _put_off(self, lease: Lease, unfit: Park) -> None:
        """Put an asset off: asking again at once would not help. The finding says why."""
        self._count_failure(lease, unfit)
        actions = VendorActions(unfit=self.update_run.reader.redact(str(unfit)))
        await self.update_run.store.actions.settle(lease, actions)

    async def _settle_absent(self, lease: Lease, actions: VendorActions) -> None:
        """Store that the vendor knows no actions of an asset, unless its lease was lost."""
        try:
            await self._store(lease, actions)
        except Fenced as error:
            self._count_failure(lease, error)

    def _end(self, error: NexusError) -> None:
        update_run = self.update_run
        update_run.ended_by = update_run.ended_by or error
        if isinstance(error, Stop):
            update_run.drain.requested.set()

    def _count_failure(self, lease: Lease, error: NexusError) -> None:
        self.update_run.observe(ActionsFailed(str(lease.symbol), str(error)))

    async def _note_refusal(self) -> None:
        """Remember that the plan has no actions, or with none refused that it has."""
        update_run, quota = self.update_run, self.update_run.quota
        if self._refused is not None:
            await quota.note_refusal(self._refused, self.exchange, update_run.now)
            text = f"the plan has no {self._refused}: actions are not read"
            update_run.observe(Warned(self.exchange, text))
            return
        for endpoint in _ENDPOINTS if self._was_answered else ():
            await quota.note_refusal(endpoint, self.exchange, None)


def _rejected_rows(
    body: bytes, received: Actions[Action], redact: Callable[[str], str]
) -> tuple[RejectedRow, ...]:
    rows: Sequence[int] = [reject.row for reject in received.rejects]
    if not rows:
        return ()
    texts, dates = excerpts(body, rows, redact), ex_dates(body, rows)
    return tuple(
        RejectedRow(days(day) if day else int(NO_DATE), reject.rule, text)
        for reject, day, text in zip(received.rejects, dates, texts, strict=True)
    )
