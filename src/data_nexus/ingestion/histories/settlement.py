"""Settle what came of each leased asset: the one place that decides what an error means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic

from data_nexus.database.store import Store
from data_nexus.domain.planning.lease import Lease
from data_nexus.errors import (
    BrokenAnswer,
    Fenced,
    NexusError,
    Park,
    Pause,
    Postpone,
    Retry,
    Stop,
    VendorUnavailable,
)
from data_nexus.events import Observer
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.fetching.requester import Requester
from data_nexus.ingestion.histories.asset_work import AssetWork, Read
from data_nexus.ingestion.histories.doubtful_answers import Doubtful, DoubtfulAnswers


@dataclass(slots=True)
class Settlement(Generic[Read]):
    """Settles the assets of a run; `end` is called with the error that is to end it.

    While it `is_probing`, with a few assets before the rest, unfit answers are not believed: the
    rest will say more.
    """

    store: Store
    work: AssetWork[Read]
    requester: Requester
    observe: Observer
    drain: Drain
    end: Callable[[NexusError], None]
    is_probing: bool
    _doubts: DoubtfulAnswers = field(init=False)

    def __post_init__(self) -> None:
        self._doubts = DoubtfulAnswers(
            ask=self.work.ask_witness,
            witnesses=self.store.leases.witnesses,
            leave_due=self._leave_due,
            observe=self.observe,
            drain=self.drain,
            waits=self.requester.waits,
            first_wait_sec=self.requester.breakers.first_open_sec,
        )

    def attempts_of(self, lease: Lease, begun: float) -> Callable[[Retry], Awaitable[None]]:
        """Return what counts an asset's answers that cannot be read, before each is tried again."""
        return self._doubts.attempts_of(lease, begun)

    async def answer(self, lease: Lease, answer: Read, begun: float, *, is_suspect: bool) -> None:
        """Have an answer kept; one that is in doubt only once it is seen to be the asset's own."""
        if (doubt := self.work.doubt(lease, answer)) is not None:
            own = Doubtful(lease, doubt, begun, lambda: self.work.keep(lease, answer))
            await self._hold(own, is_suspect=is_suspect)
            return
        if self.work.is_good(answer):
            await self._doubts.note_good()
        await self.work.keep(lease, answer)

    async def error(
        self, lease: Lease, error: NexusError, begun: float, *, is_suspect: bool
    ) -> None:
        """Decide what an error of an asset means for the asset and for the run."""
        match error:
            case Stop() | Pause():
                self.end(error)
                await self.store.leases.release([lease], failed=False)
            case Retry() | Postpone():
                await self._leave([(lease, error)])
                if isinstance(error, BrokenAnswer):
                    await self._hold(Doubtful(lease, error, begun), is_suspect=False)
            case Park():
                park = Doubtful(lease, error, begun, self.work.parking(lease, error))
                await self._hold(park, is_suspect=is_suspect)
            case Fenced():
                self.observe(self.work.failure(lease, error))
            case _:
                raise error

    async def finish(self, ended_by: NexusError | None) -> None:
        """At the end of a walk: settle what is held back, unless the vendor was out of reach."""
        if self.is_probing or isinstance(ended_by, VendorUnavailable):
            await self._doubts.give_up()
        else:
            try:
                await self._doubts.settle()
            except (Stop, Pause) as error:
                self.end(error)

    async def _hold(self, doubtful: Doubtful, *, is_suspect: bool) -> None:
        """Hold an unfit answer back; end the run when all assets seem to get such answers."""
        doubts = self._doubts
        try:
            await (doubts.pass_by(doubtful) if is_suspect else doubts.hold(doubtful))
        except (Stop, Pause) as error:
            self.end(error)

    async def _leave_due(self, doubtful: Sequence[Doubtful]) -> None:
        """Give assets back whose unfit answers are not believed."""
        await self._leave([(each.lease, each.error) for each in doubtful])

    async def _leave(self, failed: Sequence[tuple[Lease, NexusError]]) -> None:
        """Give assets back that got no usable answer; the run reads its probes again."""
        leases = [lease for lease, _ in failed]
        await self.store.leases.release(leases, failed=not self.is_probing)
        for lease, error in () if self.is_probing else failed:
            self.observe(self.work.failure(lease, error))
