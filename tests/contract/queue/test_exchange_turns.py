"""One run at a time works on an exchange as a whole, and what it requested is known to all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date, timedelta

from data_nexus.database.store import Due, Store, open_store
from data_nexus.database.store.bulk.exchange_turns import WholeRequest
from data_nexus.domain.planning.due import MarketSegment
from tests.support.postgres.tables import add_assets, execute
from tests.support.postgres.workers import Worker, ago

MONDAY = date(2026, 11, 9)
US = MarketSegment("US", "", "")
HOUR = 3600.0


def with_two(url: str, act: Callable[[Store, Store], Awaitable[None]]) -> None:
    """Let two workers act."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(open_store(url, "public", 2, 60)) for _ in range(2)
            ]
            async with asyncio.timeout(20):
                await act(first, second)

    asyncio.run(run())


def test_a_run_that_does_not_wait_leaves_an_exchange_to_the_one_that_is_there(
    database_url: str,
) -> None:
    async def act(first: Store, second: Store) -> None:
        never = asyncio.Event()
        async with first.turns.alone_with("US", never, waits=False) as is_first:
            async with second.turns.alone_with("US", never, waits=False) as is_second:
                assert (is_first, is_second) == (True, False)
            async with second.turns.alone_with("LSE", never, waits=False) as is_alone:
                assert is_alone, "another exchange is free"
            async with second.turns.alone_with("US", never, waits=False) as is_second:
                assert not is_second, "who did not get it has not given it back"
        async with second.turns.alone_with("US", never, waits=False) as is_second:
            assert is_second

    with_two(database_url, act)


def test_a_run_that_waits_has_its_turn_when_the_other_has_ended_or_is_lost(
    database_url: str,
) -> None:
    async def act(first: Store, second: Store) -> None:
        never, given_up = asyncio.Event(), asyncio.Event()

        async def wait(event: asyncio.Event) -> bool:
            async with second.turns.alone_with("US", event) as is_alone:
                return is_alone

        async with first.turns.alone_with("US", never):
            waiting = asyncio.create_task(wait(never))
            stopping = asyncio.create_task(wait(given_up))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            given_up.set()
            assert not await stopping, "a run that is to stop does not get it"
        assert await waiting
        async with first.turns.alone_with("US", never):
            await asyncio.to_thread(
                execute,
                database_url,
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND objsubid = 2",
            )
            assert await wait(never)

    with_two(database_url, act)


def test_what_was_requested_lately_is_known_to_all_until_it_is_long_ago(database_url: str) -> None:
    async def act(first: Store, second: Store) -> None:
        await first.turns.note(WholeRequest.LATE, "US", MONDAY)
        await first.turns.note(WholeRequest.LIST, "LSE")
        assert await second.turns.lately(WholeRequest.LATE, HOUR) == {"US": MONDAY}
        assert await second.turns.lately(WholeRequest.LIST, HOUR) == {"LSE": None}
        assert await second.turns.lately(WholeRequest.BULK, HOUR) == {}
        await second.turns.note(WholeRequest.LATE, "US", MONDAY + timedelta(1))
        assert await first.turns.lately(WholeRequest.LATE, HOUR) == {"US": MONDAY + timedelta(1)}
        for moment in ("now() - interval '61 minutes'", "now() + interval '1 minute'"):
            await asyncio.to_thread(
                execute,
                database_url,
                f"UPDATE exchange_requests SET requested_at = {moment}",  # noqa: S608
            )
            assert await first.turns.lately(WholeRequest.LATE, HOUR) == {}
        await second.turns.note(WholeRequest.LATE, "US", MONDAY)
        await first.turns.forget(WholeRequest.LATE, "US")
        assert await second.turns.lately(WholeRequest.LATE, HOUR) == {}

    with_two(database_url, act)


def test_an_asset_that_was_answered_in_vain_is_neither_counted_nor_claimed(
    worker: Worker, database_url: str
) -> None:
    before = {"synced_through": "2026-11-06", "last_bar": "2026-11-06"}
    add_assets(database_url, "OLD", last_synced=ago(2), **before)
    add_assets(database_url, "LATE", last_synced=ago(0.01), **before)
    add_assets(database_url, "LEASED", last_synced=ago(2), lease_owner=7, **before)
    add_assets(database_url, "FRESH", last_synced=ago(2), synced_through=MONDAY, last_bar=MONDAY)
    add_assets(database_url, "NEW")
    due = Due(ago(0), published={US: MONDAY}, answered_before={US: ago(1)})
    assert worker.claimable(due) == {date(2026, 11, 6): 1, None: 1}
    assert {lease.symbol.code for lease in worker.claim_by(due)} == {"OLD", "NEW"}
    unheeded = Due(ago(0), published={US: MONDAY})
    assert {lease.symbol.code for lease in worker.claim_by(unheeded)} == {"LATE"}
