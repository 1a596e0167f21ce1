"""Answers are grouped into transactions: none lost, none late, none too many in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_nexus.database.store.batch import Batch, Receipt
from data_nexus.errors import RowsRefused, StorageUnavailable
from tests.unit.database.witness import (
    FOREVER,
    SOON,
    Witness,
    batch_of,
    receipt_of,
    run,
    run_through,
)


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

    witness = run(scenario())
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

    witness = run(scenario())
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
            await witness.committed.wait()
            before_the_end = list(witness.groups)
            await committer.close()
        return before_the_end

    assert run(scenario()) == [[0, 1]]


def test_a_writer_that_is_behind_takes_what_has_piled_up() -> None:
    async def scenario() -> Witness:
        witness = Witness()
        committer = witness.committer(most_rows=250)
        for number in range(8):
            await committer.submit(batch_of(number, 60))
        await committer.close()
        await committer.write()
        return witness

    assert run(scenario()).groups == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_lone_answer_waits_for_company_only_so_long() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        committer = witness.committer(linger_sec=SOON)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.write())
            await committer.submit(batch_of(0, 1))
            await witness.committed.wait()
            before_the_end = list(witness.groups)
            await committer.close()
        return before_the_end

    assert run(scenario()) == [[0]]


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

    assert len(run(scenario())) > 1


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
            await witness.committed.wait()
            await asyncio.sleep(SOON)
            await committer.submit(batch_of(1, 100))
            await committer.submit(batch_of(2, 100))
            await committer.close()
        return together

    assert run(scenario()) == 2


def test_closing_commits_what_is_pending_at_once() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        await run_through(witness.committer(linger_sec=FOREVER), [1, 1], writers=2)
        return witness.groups

    assert run(scenario()) == [[0, 1]]


def test_a_flush_commits_what_is_pending_and_returns_when_it_is_written() -> None:
    async def scenario() -> tuple[list[list[int]], list[list[int]]]:
        witness = Witness()
        committer = witness.committer()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.write())
            await committer.flush()
            await committer.submit(batch_of(0, 1))
            await committer.submit(batch_of(1, 1))
            await committer.flush()
            after_the_flush = list(witness.groups)
            for number in (2, 3):
                await committer.submit(batch_of(number, 1))
                await asyncio.sleep(SOON)
            await committer.close()
        return after_the_flush, witness.groups

    assert run(scenario()) == ([[0, 1]], [[0, 1], [2, 3]])


def test_a_flush_that_was_cancelled_flushes_no_more() -> None:
    async def scenario() -> list[list[int]]:
        witness, release = Witness(), asyncio.Event()

        async def commit(group: Sequence[Batch]) -> list[Receipt | None]:
            await release.wait()
            return await witness.commit(group)

        committer = witness.committer(commit)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(committer.write())
            await committer.submit(batch_of(0, 1))
            flushing = tasks.create_task(committer.flush())
            await asyncio.sleep(SOON)
            flushing.cancel()
            release.set()
            for number in (1, 2):
                await committer.submit(batch_of(number, 1))
                await asyncio.sleep(SOON)
            await committer.close()
        return witness.groups

    assert run(scenario()) == [[0], [1, 2]]


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
            await witness.committed.wait()
            await asyncio.sleep(SOON)
            was_done_early = second.done()
            release.set()
            await second
            await committer.close()
        return was_done_early, witness.groups == [[0], [1]]

    assert run(scenario()) == (False, True)


def test_a_batch_beyond_all_bounds_goes_alone_instead_of_waiting_for_ever() -> None:
    async def scenario() -> list[list[int]]:
        witness = Witness()
        await run_through(witness.committer(bytes_in_flight=1), [100, 100, 100])
        return witness.groups

    assert run(scenario()) == [[0], [1], [2]]


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

    witness = run(scenario())
    assert witness.groups == [[0, 1, 2], [0], [1], [2]]
    assert witness.settled == [(0, Receipt(1, 0, 0, 0)), (1, poison), (2, Receipt(3, 0, 0, 0))]


def test_a_lost_lease_is_settled_as_such() -> None:
    async def scenario() -> Witness:
        witness = Witness()

        async def commit(group: Sequence[Batch]) -> list[Receipt | None]:
            return [receipt_of(b) if b.lease.asset_id else None for b in group]

        await run_through(witness.committer(commit), [1, 2])
        return witness

    assert run(scenario()).settled == [(0, None), (1, Receipt(2, 0, 0, 0))]


def test_a_lost_database_ends_the_writing() -> None:
    async def scenario() -> None:
        async def commit(_: Sequence[Batch]) -> list[Receipt | None]:
            raise StorageUnavailable("PostgreSQL: gone")

        committer = Witness().committer(commit)
        await committer.submit(batch_of(0, 1))
        await committer.close()
        await committer.write()

    with pytest.raises(StorageUnavailable, match="gone"):
        run(scenario())
