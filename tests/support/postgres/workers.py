"""Run the engine's store from tests: each call of a worker to its end.

Builders make the bars and batches that a worker commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from data_nexus.database.store import Due, QueuePosition, Store, open_store
from data_nexus.database.store.actions import VendorActions
from data_nexus.database.store.batch import Batch, DeadLetter, Outcome, Receipt, RejectedRow
from data_nexus.database.store.runs import Breach
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.findings import AssetFinding, KnownActions
from data_nexus.domain.bars import EPOCH, NO_BARS, Bars
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.planning.audit import Record
from data_nexus.domain.planning.lease import Lease
from data_nexus.ingestion.histories.queue import LeaseQueue

Result = TypeVar("Result")
WINDOW = Window(date(1700, 1, 1), date(2026, 1, 1))


def ago(days: float) -> datetime:
    """The moment so many days ago."""
    return datetime.now(UTC) - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker at the queue."""

    store: Store
    _runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something else of the store to its end."""
        return self._runner.run(work)

    def claim(
        self,
        limit: int = 100,
        *,
        days_old: float = 1.0,
        exchange: str | None = None,
        ids: list[int] | None = None,
        position: QueuePosition | None = None,
        suspect: bool = False,
    ) -> list[Lease]:
        """Claim assets whose last answer is so old, from a position or from the queue's front.

        The suspect ones, whose worker was lost, are claimed apart.
        """
        due = Due(ago(days_old), exchange, ids)
        place = position or QueuePosition()
        return self._runner.run(self.store.leases.claim(due, place, limit, suspect=suspect))

    def claim_by(self, due: Due, limit: int = 100, *, suspect: bool = False) -> list[Lease]:
        """Claim from the front of any queue."""
        position = QueuePosition()
        return self._runner.run(self.store.leases.claim(due, position, limit, suspect=suspect))

    def claimable(self, due: Due) -> dict[date | None, int]:
        """How many assets a claim by the calendar could hand out, by their cursor."""
        groups = self._runner.run(self.store.leases.claimable(due))
        return {group.cursor: group.assets for group in groups}

    def claim_wanted(self, exchange: str | None = None, limit: int = 100) -> list[Lease]:
        """Claim assets whose actions are to be fetched."""
        due = Due(ago(0), exchange, wants_actions=True)
        return self._runner.run(self.store.leases.claim(due, QueuePosition(), limit))

    def settle_actions(
        self, lease: Lease, received: VendorActions
    ) -> tuple[AssetFinding, ...] | None:
        """Store what was received of an asset's actions."""
        return self._runner.run(self.store.actions.settle(lease, received))

    def store_actions(
        self, splits: Mapping[str, Sequence[Split]], dividends: Mapping[str, Sequence[Dividend]]
    ) -> None:
        """Store a day's actions of the United States, by code, as a bulk feed has them."""
        self._runner.run(self.store.session_feeds.store_actions("US", splits, dividends))

    def known_actions(self, asset_id: int) -> KnownActions:
        """What is stored of an asset's actions."""
        return self._runner.run(self.store.actions.known(asset_id))

    def wanted_actions(self, exchange: str | None = None) -> dict[str, int]:
        """The number of assets whose actions are to be fetched, by exchange."""
        return self._runner.run(self.store.actions.wanted(exchange))

    def claim_audit(
        self,
        limit: int = 100,
        *,
        days_old: float = 1.0,
        exchange: str | None = None,
        position: QueuePosition | None = None,
    ) -> list[Lease]:
        """Claim assets whose history was last read as a whole so long ago."""
        due = Due(ago(days_old), exchange, is_audit=True)
        return self._runner.run(self.store.leases.claim(due, position or QueuePosition(), limit))

    def claim_damaged(
        self,
        limit: int = 100,
        *,
        exchange: str | None = None,
        ids: list[int] | None = None,
        suspect: bool = False,
    ) -> list[Lease]:
        """Claim assets that are marked as damaged."""
        due = Due(ago(-1), exchange, ids, wants_repair=True)
        claimed = self.store.leases.claim(due, QueuePosition(), limit, suspect=suspect)
        return self._runner.run(claimed)

    def mark_damaged(self, *ids: int) -> None:
        """Mark assets as damaged."""
        self._runner.run(self.store.repairs.want(ids))

    def breaches(self, run_id: int, since: datetime | None = None) -> list[Breach]:
        """The invariants that a run has broken."""
        return self._runner.run(self.store.runs.breaches(run_id, since or ago(1)))

    def walk(self, limit: int | None, turns: str) -> list[Lease | None]:
        """Take leases from one queue of a run, for each letter one: due (d) or suspect (s)."""

        async def take() -> list[Lease | None]:
            queue = LeaseQueue(self.store, Due(ago(1)), limit)
            steps = {"d": queue.next, "s": queue.next_suspect}
            return [await steps[turn]() for turn in turns]

        return self._runner.run(take())

    def audit_records(self) -> list[Record]:
        """What audits have done, by exchange."""
        return self._runner.run(self.store.runs.audit_records())

    def commit(self, *batches: Batch, run_id: int | None = None) -> list[Receipt | None]:
        """Commit batches in one transaction."""
        return self._runner.run(self.store.commits.commit(batches, run_id))

    def release(self, leases: Sequence[Lease], *, failed: bool = False) -> None:
        """Give leases back."""
        self._runner.run(self.store.leases.release(leases, failed=failed))

    def renew(self) -> None:
        """Hold on to all leases."""
        self._runner.run(self.store.leases.renew())

    def free_lost_leases(self) -> list[int]:
        """Free leases that ran out or whose worker has left; the ids of their assets."""
        return self._runner.run(self.store.leases.free_lost())

    def take_over(self) -> list[Lease]:
        """Free lost leases and claim the assets that lost them."""
        self.free_lost_leases()
        return self.claim(suspect=True)

    def park(self, lease: Lease, letter: DeadLetter) -> None:
        """Park an asset with a dead letter."""
        self._runner.run(self.store.leases.park(lease, letter))

    def start_run(self, command: str) -> int:
        """Open a run."""
        return self._runner.run(self.store.runs.start(command))

    def requeue_absent(self, moment: datetime | None = None) -> None:
        """Put absent assets back into the queue."""
        self._runner.run(self.store.leases.requeue_absent(moment))

    def count_due(self, *, days_old: float = 1.0, limit: int = 1000) -> int:
        """Count what could be claimed."""
        return self._runner.run(self.store.leases.count_due(Due(ago(days_old)), limit))


@contextmanager
def worker_on(url: str, *, lease_sec: float = 60.0) -> Iterator[Worker]:
    """Yield a worker that lives as long as the block does."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        opening = open_store(url, "public", 2, lease_sec)
        store = runner.run(stack.enter_async_context(opening))
        try:
            yield Worker(store, runner)
        finally:
            runner.run(stack.aclose())


def bars_from(first: date, *closes: float, volume: float = 100.0) -> Bars:
    """Bars of consecutive days whose four prices are the close; adjusted, half of it."""
    close = np.array(closes, np.float64)
    return Bars(
        date=((first - EPOCH).days + np.arange(len(close))).astype(np.int32),
        open=close,
        high=close,
        low=close,
        close=close,
        adjusted_close=close / 2,
        volume=np.full(len(close), volume),
    )


def batch_for(
    lease: Lease, bars: Bars = NO_BARS, *rejects: RejectedRow, outcome: Outcome | None = None
) -> Batch:
    """An answer with these bars and rejected rows; without either it was empty."""
    received = len(bars) + len(rejects)
    outcome = outcome or (Outcome.STORED if received else Outcome.EMPTY)
    return Batch(
        lease=lease,
        window=WINDOW,
        outcome=outcome,
        bars=bars,
        rejects=rejects,
        flags={},
        repeats=0,
        calls=1,
        requests=1,
        body_sha256=None,
        absent_days=None if outcome is Outcome.STORED else 1.0,
        passes_to=bars.last_date(),
    )


def reread(lease: Lease) -> Lease:
    """The lease of an asset that may have bars, so that they are merged."""
    return replace(lease, is_first=False)
