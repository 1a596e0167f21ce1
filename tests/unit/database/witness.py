"""A witness of commits: batches of any size, and what a committer does with them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from data_nexus.database.store.batch import Batch, Outcome, Receipt
from data_nexus.domain.bars import Bars
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import RowsRefused
from data_nexus.ingestion.histories.committer import Committer
from tests.unit.eodhd.answers import WINDOW

FOREVER = 3600.0
SOON = 0.02
PATIENCE = 10.0
Result = TypeVar("Result")
Commit = Callable[[Sequence[Batch]], Awaitable[list[Receipt | None]]]


def batch_of(asset_id: int, rows: int) -> Batch:
    """An asset's answer of so many rows."""
    numbers = np.ones(rows)
    return Batch(
        lease=Lease(
            asset_id, Symbol(f"S{asset_id}", "US"), 1, dt.date(2023, 1, 1), 0, is_first=True
        ),
        window=WINDOW,
        outcome=Outcome.STORED if rows else Outcome.EMPTY,
        bars=Bars(np.arange(rows, dtype=np.int32), *[numbers] * 6),
        rejects=(),
        flags={},
        repeats=0,
        calls=1,
        requests=1,
        body_sha256=None,
        absent_days=None,
    )


def receipt_of(batch: Batch) -> Receipt:
    """The receipt of a batch whose rows were all new."""
    return Receipt(batch.received, 0, 0, 0)


@dataclass
class Witness:
    """Hears what is committed and what is settled; `committed` is set with the first group."""

    groups: list[list[int]] = field(default_factory=list)
    settled: list[tuple[int, Receipt | RowsRefused | None]] = field(default_factory=list)
    committed: asyncio.Event = field(default_factory=asyncio.Event)

    async def commit(self, group: Sequence[Batch]) -> list[Receipt | None]:
        """Write a group: all of it is new."""
        self.groups.append([batch.lease.asset_id for batch in group])
        self.committed.set()
        return [receipt_of(batch) for batch in group]

    async def settle(self, batch: Batch, result: Receipt | RowsRefused | None) -> None:
        """Hear what became of a batch."""
        self.settled.append((batch.lease.asset_id, result))

    def committer(
        self,
        commit: Commit | None = None,
        *,
        batch_rows: int = 100,
        most_rows: int = 100,
        linger_sec: float = FOREVER,
        bytes_in_flight: int = 1 << 30,
    ) -> Committer:
        """A committer that this witness hears."""
        return Committer(
            commit=commit or self.commit,
            settled=self.settle,
            batch_rows=batch_rows,
            most_rows=most_rows,
            linger_sec=linger_sec,
            bytes_in_flight=bytes_in_flight,
        )


def run(scenario: Coroutine[object, object, Result]) -> Result:
    """Play a scenario through; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(scenario, PATIENCE))


async def run_through(committer: Committer, sizes: Sequence[int], writers: int = 1) -> None:
    """Submit batches of these sizes, numbered from 0, and write them all."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(writers):
            tasks.create_task(committer.write())
        for number, rows in enumerate(sizes):
            await committer.submit(batch_of(number, rows))
        await committer.close()
