"""Read actions: the splits and dividends of assets whose bars show that some are not stored.

An asset is claimed for it like one that is due, so that no two workers fetch the same one, and a
commit of bars cannot slip in between: both hold its lease and its fence.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from data_nexus.database.store import Due, Store
from data_nexus.database.store.actions import VendorActions
from data_nexus.database.store.batch import RejectedRow
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import NO_DATE, days
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.due import PROBED_AFTER
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import NOTICE_CHARS, Redact, excerpt, one_line
from data_nexus.eodhd.decode_actions import (
    Actions,
    decode_dividends,
    decode_splits,
    ex_dates,
    excerpts,
)
from data_nexus.eodhd.requests import Request, dividends_request, splits_request
from data_nexus.errors import (
    Fenced,
    NexusError,
    NotInPlan,
    NotListed,
    Park,
    ProductNotInPlan,
    RequestRefused,
)
from data_nexus.events import (
    ActionsFailed,
    ActionsRead,
    Event,
    Observer,
    TransactionCommitted,
    Warned,
)
from data_nexus.ingestion.fetching.requester import FetchState, Requester, never_again
from data_nexus.ingestion.nightly.context import UpdateRun, run_engine
from data_nexus.ingestion.reports.run_report import UpdateSteps

_ENDPOINTS = (Endpoint.SPLITS, Endpoint.DIVIDENDS)
Action = TypeVar("Action", Split, Dividend)


async def wanting(run: UpdateRun, exchange: str | None) -> dict[str, int]:
    """Return the number of assets whose actions are to be fetched, by exchange.

    Those whose actions the vendor has refused to the key wait until it is tried again.
    """
    wanted = await run.store.actions.wanted(exchange, run.asset_ids)
    refused = await refused_exchanges(run) if wanted else ()
    return {name: assets for name, assets in wanted.items() if name not in refused}


async def refused_exchanges(run: UpdateRun) -> set[str]:
    """Return the exchanges whose splits or dividends the vendor has refused to the key lately."""
    refused: set[str] = set()
    for endpoint in _ENDPOINTS:
        refused |= await run.quota.refused(endpoint, run.now - PROBED_AFTER)
    return refused


async def read_actions(
    run: UpdateRun, exchange: str | None, but: Collection[str] = ()
) -> UpdateSteps:
    """Fetch the wanted actions, of one exchange or of all but some, and store them."""
    done = UpdateSteps()
    for name in await wanting(run, exchange):
        if name not in but and run.goes_on(done):
            due = Due(run.now, name, run.asset_ids, wants_actions=True)
            read = await read_due(run, name, due)
            done += UpdateSteps(ended_by=read.ended_by)
    return done


@dataclass(frozen=True, slots=True)
class ReadActions:
    """The assets of an exchange whose actions were stored, and what ended the run early."""

    asset_ids: tuple[int, ...]
    ended_by: NexusError | None


async def read_due(
    run: UpdateRun, exchange: str, due: Due, limit: int | None = None
) -> ReadActions:
    """Fetch the actions of an exchange's due assets, and note whether the plan includes them."""
    work = ActionWork(run.store, run.requester, run.reader.redact, run.observe)
    ended_by = await run_engine(run, work, due, limit)
    read = tuple(work.asset_ids)
    if work.refused is not None:
        await run.quota.note_refusal(work.refused, exchange, run.now)
        text = f"the plan has no {work.refused}: actions are not read"
        run.observe(Warned(exchange, text))
        return ReadActions(read, None if isinstance(ended_by, NotInPlan) else ended_by)
    for endpoint in _ENDPOINTS if read else ():
        await run.quota.note_refusal(endpoint, exchange, None)
    return ReadActions(read, ended_by)


@dataclass(frozen=True, slots=True)
class _CheckedActions(Generic[Action]):
    """The actions of an asset that an endpoint sent, and the rows that were rejected."""

    actions: Actions[Action]
    rejects: tuple[RejectedRow, ...]


@dataclass(slots=True)
class ActionWork:
    """The engine's work on actions: reads those of an asset, and stores them together.

    `refused` is the endpoint that the plan does not include, if that ended the run. `asset_ids` are
    those of which an answer was stored.
    """

    store: Store
    requester: Requester
    redact: Redact
    observe: Observer
    refused: Endpoint | None = None
    asset_ids: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Do nothing: what is kept is written at once."""
        yield

    async def read(self, lease: Lease, state: FetchState) -> VendorActions:
        """Return what the vendor sends of an asset's splits and dividends."""
        try:
            return await self._fetch_actions(lease.symbol, state)
        except NotInPlan as error:
            self.refused = state.sent[-1].endpoint
            raise ProductNotInPlan(str(error)) from error

    def is_good(self, answer: VendorActions) -> bool:
        """Whether the vendor knows the asset."""
        return answer.splits is not None or answer.dividends is not None

    def doubt(self, lease: Lease, answer: VendorActions) -> NexusError | None:
        """Doubt *not found*: the asset's bars are served."""
        if self.is_good(answer):
            return None
        return RequestRefused(f"{lease.symbol}: neither splits nor dividends found", 404)

    async def keep(self, lease: Lease, answer: VendorActions) -> None:
        """Store an asset's actions together."""
        started = time.monotonic()
        try:
            found = await self.store.actions.settle(lease, answer)
        except Park as refused:
            await self.parking(lease, refused)()
            return
        if found is None:
            lost = Fenced(f"{lease.symbol}: the lease was lost; nothing was written")
            self.observe(self.failure(lease, lost))
            return
        self.asset_ids.append(lease.asset_id)
        self.observe(TransactionCommitted(1, 0, time.monotonic() - started))
        self.observe(
            ActionsRead(
                symbol=str(lease.symbol),
                splits=len(answer.splits or ()),
                dividends=len(answer.dividends or ()),
                findings=len(found),
                rejected_by_rule=Counter(row.rule for row in answer.rejects),
            )
        )

    async def flush(self) -> None:
        """Do nothing: what is kept is written at once."""

    def parking(self, lease: Lease, unfit: Park) -> Callable[[], Awaitable[None]]:
        """Return what puts an asset off; the finding says why."""
        unfit.body = b""  # many may be held, and bodies are large

        async def put_off() -> None:
            self.observe(self.failure(lease, unfit))
            actions = VendorActions(unfit=self.redact(str(unfit)))
            await self.store.actions.settle(lease, actions)

        return put_off

    def failure(self, lease: Lease, error: NexusError) -> Event:
        """Return the event of an asset whose actions stay wanted."""
        return ActionsFailed(str(lease.symbol), str(error))

    async def ask_witness(self, symbol: Symbol) -> None:
        """Fetch a symbol's splits, only to see whether the vendor answers; none are kept."""
        await self.requester.fetch(
            splits_request(symbol),
            lambda body: decode_splits(body, symbol),
            FetchState(failed=never_again),
        )

    async def _fetch_actions(self, symbol: Symbol, state: FetchState) -> VendorActions:
        splits = await self._fetch(symbol, splits_request(symbol), decode_splits, state)
        dividends = await self._fetch(symbol, dividends_request(symbol), decode_dividends, state)
        answers = [each for each in (splits, dividends) if each is not None]
        notices = {each.actions.notice for each in answers if each.actions.notice}
        for notice in notices:
            text = excerpt(one_line(notice), NOTICE_CHARS, self.redact)
            self.observe(Warned(str(symbol), text))
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
        try:
            answer = await self.requester.fetch(request, lambda body: decode(body, symbol), state)
        except NotListed:
            return None
        rejects = _rejected_rows(answer.body, answer.decoded, self.redact)
        return _CheckedActions(answer.decoded, rejects)


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
