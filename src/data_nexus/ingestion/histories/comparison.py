"""Compare stored histories with the vendor's, bar by bar; nothing is written but which differ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from data_nexus.database.store import Store
from data_nexus.database.store.repairs import LoadedAsset
from data_nexus.domain.validation.check import check
from data_nexus.domain.validation.overlap import Divergence, divergence
from data_nexus.domain.validation.price_kinds import PriceKinds
from data_nexus.domain.validation.withdrawal import sent_dates
from data_nexus.domain.window import EARLIEST, whole_window
from data_nexus.eodhd.decode_bars import decode_bars
from data_nexus.eodhd.requests import history_request
from data_nexus.errors import NexusError, NotListed, Park, Pause, Postpone, Retry, Stop
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
        except (Stop, Pause) as error:
            self.ended_by = self.ended_by or error
            return
        except (NotListed, Park, Postpone, Retry) as error:
            self.unanswered += 1
            self.observe(Failed(str(asset.symbol), str(error)))
            return
        self.compared += 1
        if found is not None:
            self.differing[str(asset.symbol)] = found
            if found.is_mended_by_reading:
                await self.store.repairs.want([asset.asset_id])

    async def _compare(self, asset: LoadedAsset) -> Divergence | None:
        window = whole_window(datetime.now(UTC))
        request = history_request(asset.symbol, window)
        answer = await self.requester.fetch(
            request, lambda body: decode_bars(body, asset.symbol), FetchState()
        )
        # Read after the answer: what another worker has written meanwhile is from an older one.
        stored = await self.store.commits.stored_bars(asset.asset_id, EARLIEST)
        kind = self.kinds.of(asset.symbol, asset.asset_type)
        bars, notice = answer.decoded.bars, answer.decoded.notice
        checked = check(bars, window, kind)
        rejected = checked.rejected_dates(bars)
        sent = sent_dates(window, checked.kept.date, rejected, has_notice=bool(notice))
        return divergence(stored, checked.kept, sent)
