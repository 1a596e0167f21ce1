"""Answers are grouped into transactions: none lost, none late, none too many in memory."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_nexus.database.batch import Batch, Outcome, Receipt
from data_nexus.domain.bars import Bars
from data_nexus.domain.listing import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import RowsRefused, StorageUnavailable
from data_nexus.ingestion.committer import Committer
from tests.unit.answers import WINDOW

FOREVER = 3600.0
SOON = 0.02
PATIENCE = 10.0
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
        linger_sec: float = FOREVER,
        bytes_in_flight: int = 1 << 30,
    ) -> Committer:
        """A committer that this witness hears."""
        return Committer(
            commit=commit or self.commit,
            settled=self.settle,
            batch_rows=batch_rows,
            linger_sec=linger_sec,
            bytes_in_flight=bytes_in_flight,
        )


async def run_through(committer: Committer, sizes: Sequence[int], writers: int = 1) -> None:
    """Submit batches of these sizes, numbered from 0, and write them all."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(writers):
            tasks.create_task(committer.write())
        for number, rows in enumerate(sizes):
            await committer.submit(batch_of(number, rows))
        await committer.close()


async def until(event: asyncio.Event) -> None:
    """Wait for what must happen, but not for ever."""
    async with asyncio.timeout(PATIENCE):
        await event.wait()


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([1], [[0]]),
        ([40, 40, 40], [[0, 1], [2]]),
        ([50, 50, 50], [[0, 1], [2]]),
        ([60, 60, 60], [[0], [1], [2]]),
        ([5000], [[0]]),
        ([10, 5000, 10], [[0], [1], [2]]),
        ([0] * 150, [[*range(100)], [*range(100, 150)]]),
    ],
    ids=str,
)
def test_small_assets_share_a_transaction_and_a_big_one_has_its_own(
    sizes: list[int], groups: list[list[int]]
) -> None:
    async def scenario() -> Witness:
        witness = Witness()
        committer = witness.committer()
        for number, rows in enumerate(sizes):
            await committer.submit(batch_of(number, rows))
        await committer.close()
        await committer.write()
        return witness

    witness = asyncio.run(scenario())
    assert witness.groups == groups
    assert witness.settled == [(n, Receipt(rows, 0, 0, 0)) for n, rows in enumerate(sizes)]


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 130), max_size=12),
    writers=st.integers(1, 3),
    bytes_in_flight=st.sampled_from([1, 5000, 1 << 30]),
)
def test_every_batch_is_committed_once_and_settled_once(
    sizes: list[int], writers: int, bytes_in_flight: int
) -> None:
    async def scenario() -> Witness:
        witness = Witness()
        committer = witness.committer(bytes_in_flight=bytes_in_flight, linger_sec=0.0001)
        await run_through(committer, sizes, writers)
        return witness

    witness = asyncio.run(scenario())
    assert sorted(number for group in witness.groups for number in group) == [*range(len(sizes))]
    assert sorted(number for number, _ in witness.settled) == [*range(len(sizes))]
    for group in witness.groups:
        assert len(group) == 1 or sum(max(1, sizes[number]) for number in group) <= 100


def test_a_full_group_does_not_wait_for_company() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        committer = witness.committer()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.write())
            for number in range(3):
                await committer.submit(batch_of(number, 50))
            await until(witness.committed)
            before_the_end = list(witness.groups)
            await committer.close()
        return before_the_end

    assert asyncio.run(scenario()) == [[0, 1]]


def test_a_lone_answer_waits_for_company_only_so_long() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        committer = witness.committer(linger_sec=SOON)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.write())
            await committer.submit(batch_of(0, 1))
            await until(witness.committed)
            before_the_end = list(witness.groups)
            await committer.close()
        return before_the_end

    assert asyncio.run(scenario()) == [[0]]


def test_company_that_keeps_coming_does_not_prolong_the_wait() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        committer = witness.committer(linger_sec=10 * SOON)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.write())
            for number in range(50):
                await committer.submit(batch_of(number, 1))
                await asyncio.sleep(SOON)
            before_the_end = list(witness.groups)
            await committer.close()
        return before_the_end

    assert len(asyncio.run(scenario())) > 1


def test_every_writer_goes_on_writing_after_a_quiet_time() -> None:
    async def scenario() -> int:
        """Two writers meet a lone answer; then two full groups must be written at once."""
        both_at_once = asyncio.Barrier(2)
        together = 0
        witness = Witness()

        async def commit(group: Sequence[Batch]) -> list[Receipt | None]:
            nonlocal together
            if group[0].received == 100:
                async with asyncio.timeout(1), both_at_once:
                    together += 1
            return await witness.commit(group)

        committer = witness.committer(commit, linger_sec=SOON)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(committer.write())
            await asyncio.sleep(SOON)
            await committer.submit(batch_of(0, 1))
            await until(witness.committed)
            await asyncio.sleep(SOON)
            await committer.submit(batch_of(1, 100))
            await committer.submit(batch_of(2, 100))
            await committer.close()
        return together

    assert asyncio.run(scenario()) == 2


def test_closing_commits_what_is_pending_at_once() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        async with asyncio.timeout(PATIENCE):
            await run_through(witness.committer(linger_sec=FOREVER), [1, 1], writers=2)
        return witness.groups

    assert asyncio.run(scenario()) == [[0, 1]]


def test_submitting_waits_while_too_many_bytes_are_pending() -> None:
    async def scenario() -> tuple[bool, bool]:
        witness, release = Witness(), asyncio.Event()

        async def commit(group: Sequence[Batch]) -> list[Receipt | None]:
            receipts = await witness.commit(group)
            await release.wait()
            return receipts

        first = batch_of(0, 100)
        committer = witness.committer(commit, bytes_in_flight=first.nbytes + 1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.write())
            await committer.submit(first)
            second = tasks.create_task(committer.submit(batch_of(1, 100)))
            await until(witness.committed)
            await asyncio.sleep(SOON)
            was_done_early = second.done()
            release.set()
            async with asyncio.timeout(PATIENCE):
                await second
            await committer.close()
        return was_done_early, witness.groups == [[0], [1]]

    assert asyncio.run(scenario()) == (False, True)


def test_a_batch_beyond_all_bounds_goes_alone_instead_of_waiting_for_ever() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        async with asyncio.timeout(PATIENCE):
            await run_through(witness.committer(bytes_in_flight=1), [100, 100, 100])
        return witness.groups

    assert asyncio.run(scenario()) == [[0], [1], [2]]


def test_one_asset_s_poison_does_not_touch_the_others() -> None:
    poison = RowsRefused("PostgreSQL refused the rows")

    async def scenario() -> Witness:
        witness = Witness()

        async def commit(group: Sequence[Batch]) -> list[Receipt | None]:
            receipts = await witness.commit(group)
            if any(batch.lease.asset_id == 1 for batch in group):
                raise poison
            return receipts

        await run_through(witness.committer(commit), [1, 2, 3])
        return witness

    witness = asyncio.run(scenario())
    assert witness.groups == [[0, 1, 2], [0], [1], [2]]
    assert witness.settled == [(0, Receipt(1, 0, 0, 0)), (1, poison), (2, Receipt(3, 0, 0, 0))]


def test_a_lost_lease_is_settled_as_such() -> None:
    async def scenario() -> Witness:
        witness = Witness()

        async def commit(group: Sequence[Batch]) -> list[Receipt | None]:
            return [receipt_of(b) if b.lease.asset_id else None for b in group]

        await run_through(witness.committer(commit), [1, 2])
        return witness

    assert asyncio.run(scenario()).settled == [(0, None), (1, Receipt(2, 0, 0, 0))]


def test_a_lost_database_ends_the_writing() -> None:
    async def scenario() -> None:
        async def commit(_: Sequence[Batch]) -> list[Receipt | None]:
            raise StorageUnavailable("PostgreSQL: gone")

        committer = Witness().committer(commit)
        await committer.submit(batch_of(0, 1))
        await committer.close()
        await committer.write()

    with pytest.raises(StorageUnavailable, match="gone"):
        asyncio.run(scenario())
