"""Compare stored histories with the vendor's, bar by bar; nothing is written but which differ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from data_nexus.database.store import Store
from data_nexus.database.store.repairs import LoadedAsset
from data_nexus.domain.calendar.window import EARLIEST, whole_window
from data_nexus.domain.limits.mass_failure import UnfitAnswer, is_mass_failure
from data_nexus.domain.planning.suspicion import Reason, Suspicion, wait_after
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.check import check
from data_nexus.domain.validation.overlap import Divergence, divergence
from data_nexus.domain.validation.price_kinds import PriceKinds
from data_nexus.domain.validation.withdrawal import sent_dates
from data_nexus.eodhd.decode_bars import decode_bars
from data_nexus.eodhd.requests import history_request
from data_nexus.errors import (
    BrokenAnswer,
    NexusError,
    NotListed,
    Park,
    Pause,
    Postpone,
    Retry,
    Stop,
    VendorUnavailable,
)
from data_nexus.events import Failed, Observer
from data_nexus.ingestion.fetching.requester import FetchState, Requester


@dataclass(slots=True)
class HistoryComparison:
    """Compares histories; what was found is noted for a repair at once, asset by asset.

    `differing` has what is not as the vendor sends it, by ticker; `unanswered` counts histories of
    which no usable answer came. `ended_by` is the `Stop` or `Pause` that ended it early.
    """

    store: Store
    requester: Requester
    observe: Observer
    kinds: PriceKinds
    compared: int = 0
    unanswered: int = 0
    differing: dict[str, Divergence] = field(default_factory=dict)
    ended_by: NexusError | None = None
    # The unfit answers since the last good one.
    _unfit: list[UnfitAnswer] = field(default_factory=list)

    @property
    def of_others(self) -> list[str]:
        """The tickers of which a history was sent that looks like another asset's."""
        return [name for name, each in self.differing.items() if each.is_of_another]

    @property
    def doubted(self) -> int:
        """How many stored bars were not sent and stay."""
        return sum(each.doubted for each in self.differing.values())

    async def run(self, assets: Sequence[LoadedAsset], concurrency: int) -> None:
        """Compare all of the assets, as far as the day's calls and the vendor allow."""
        waiting = [*reversed(assets)]

        async def work() -> None:
            while waiting and self.ended_by is None:
                await self._settle(waiting.pop())

        async with asyncio.TaskGroup() as tasks:
            for number in range(concurrency):
                tasks.create_task(work(), name=f"comparison {number}")

    async def _settle(self, asset: LoadedAsset) -> None:
        try:
            found = await self._compare(asset)
            self._unfit.clear()
        except (Stop, Pause) as error:
            self.ended_by = self.ended_by or error
            return
        except (NotListed, Park, Postpone, Retry) as error:
            self.unanswered += 1
            self.observe(Failed(str(asset.symbol), str(error)))
            if isinstance(error, NotListed | Park | BrokenAnswer):
                self._note_unfit(asset.symbol, error)
            return
        self.compared += 1
        if found is not None:
            self.differing[str(asset.symbol)] = found
            if found.is_mended_by_reading:
                await self.store.repairs.want([asset.asset_id])
            if found.is_of_another:
                await self.store.suspicions.note([_suspicion_of_another(asset.asset_id)])

    def _note_unfit(self, symbol: Symbol, error: NexusError) -> None:
        """Note an unfit answer; end the comparison when all histories seem to get such answers."""
        unfit = UnfitAnswer(str(symbol), type(error).__name__, str(error))
        self._unfit.append(unfit)
        if is_mass_failure(self._unfit) and self.ended_by is None:
            self.ended_by = VendorUnavailable(
                f"{len(self._unfit)} answers in a row were of no use, the last {error}. Is"
                " EODHD_BASE_URL right, is a login page of this network in the way?"
            )

    async def _compare(self, asset: LoadedAsset) -> Divergence | None:
        window = whole_window(datetime.now(UTC))
        request = history_request(asset.symbol, window)

        async def failed(error: Retry) -> None:
            if isinstance(error, BrokenAnswer):
                self._note_unfit(asset.symbol, error)
            if self.ended_by is not None:
                raise self.ended_by

        answer = await self.requester.fetch(
            request, lambda body: decode_bars(body, asset.symbol), FetchState(failed=failed)
        )
        # Read after the answer: what another worker has written meanwhile is from an older one.
        stored = await self.store.commits.stored_bars(asset.asset_id, EARLIEST)
        kind = self.kinds.of(asset.symbol, asset.asset_type)
        bars, notice = answer.decoded.bars, answer.decoded.notice
        checked = check(bars, window, kind)
        rejected = checked.rejected_dates(bars)
        sent = sent_dates(window, checked.kept.date, rejected, has_notice=bool(notice))
        return divergence(stored, checked.kept, sent)


def _suspicion_of_another(asset_id: int) -> Suspicion:
    """Return the suspicion that the vendor, for now, sends another asset's history for one."""
    now = datetime.now(UTC)
    return Suspicion(asset_id, Reason.ANOTHER, now.date(), now + (wait_after(1) or timedelta()))
