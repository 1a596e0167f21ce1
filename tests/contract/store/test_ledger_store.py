"""A token's quota is one row that all workers share: what one has spent, no other can spend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import LiteralString, TypeVar

import pytest

from data_nexus.config import Secret
from data_nexus.database.store import open_store
from data_nexus.database.store.quota import QuotaLedger
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.quota import Granted, Quota, Spent, refund, reserve, step
from tests.support.postgres.tables import rows, snapshot, value

Result = TypeVar("Result")
TOKEN = Secret("canary5f3a9c01e7.28841620")
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
KEPT: LiteralString = (
    "SELECT spent, day_limit, minute_limit, reported_at IS NOT NULL FROM quota_ledger"
)


@asynccontextmanager
async def two_ledgers(url: str) -> AsyncIterator[tuple[QuotaLedger, QuotaLedger]]:
    """The same token's row as two workers hold it."""
    async with (
        open_store(url, "public", 2, lease_sec=60) as first,
        open_store(url, "public", 2, lease_sec=60) as second,
    ):
        yield first.quota(TOKEN), second.quota(TOKEN)


def with_ledgers(url: str, use: Callable[[QuotaLedger, QuotaLedger], Awaitable[Result]]) -> Result:
    """What comes of the use of a row by two workers."""

    async def run() -> Result:
        async with two_ledgers(url) as (first, second):
            return await use(first, second)

    return asyncio.run(run())


async def begin(
    ledger: QuotaLedger, *, day_limit: int, extra: int = 0, minute_limit: int = 300
) -> None:
    """Let it be noon, with nothing spent and these limits."""

    def noon(quota: Quota, _: datetime) -> tuple[Quota, None]:
        return Quota(NOON.date(), quota.spent, day_limit, extra, minute_limit, NOON), None

    await ledger.change(noon)


async def charge(ledger: QuotaLedger, *, reported: bool = False) -> datetime:
    """Charge one call, whatever is left; the moment of the change."""
    _, moment = await ledger.change(
        lambda q, _: (replace(q, spent=q.spent + 1), None), reported=reported
    )
    return moment


async def spend_all(ledger: QuotaLedger, calls: int, most: int) -> list[datetime]:
    """Reserve until nothing is left; the granted slots."""

    def decide(quota: Quota, _: datetime) -> tuple[Quota, Granted | Spent]:
        found = reserve(quota, calls, NOON, most=most)
        return found.quota, found

    slots: list[datetime] = []
    while isinstance(found := (await ledger.change(decide))[0], Granted):
        slots += found.slots
    return slots


def test_workers_that_reserve_at_the_same_time_never_overspend(database_url: str) -> None:
    async def race(first: QuotaLedger, second: QuotaLedger) -> list[list[datetime]]:
        await begin(first, day_limit=500, extra=3, minute_limit=1000)
        return await asyncio.gather(
            *(spend_all(ledger, 2, most) for ledger in (first, second) for most in (1, 2, 3))
        )

    shares = with_ledgers(database_url, race)
    assert all(shares), "all of them took part"
    slots = sorted(slot for share in shares for slot in share)
    assert len(slots) == 251, "of 503 calls, two at a time"
    assert min(later - earlier for earlier, later in pairwise(slots)) >= step(1000)
    assert rows(database_url, KEPT) == [(502, 500, 1000, False)]


def test_what_one_worker_gives_back_another_can_spend(database_url: str) -> None:
    async def use(first: QuotaLedger, second: QuotaLedger) -> tuple[int, int, int]:
        await begin(first, day_limit=5)
        spent = len(await spend_all(first, 1, 1))
        refused = len(await spend_all(second, 1, 1))
        await first.change(lambda quota, _: (refund(quota, 2, NOON.date()), None))
        return spent, refused, len(await spend_all(second, 1, 1))

    assert with_ledgers(database_url, use) == (5, 0, 2)


def test_the_first_changes_of_a_token_open_one_row_and_none_is_lost(database_url: str) -> None:
    async def use(first: QuotaLedger, second: QuotaLedger) -> None:
        await asyncio.gather(*(charge(ledger) for ledger in (first, second) for _ in range(10)))

    with_ledgers(database_url, use)
    assert value(database_url, "SELECT array_agg(spent) FROM quota_ledger") == [20]


def test_a_change_that_fails_or_changes_nothing_writes_nothing(database_url: str) -> None:
    def broken(quota: Quota, _: datetime) -> tuple[Quota, None]:
        raise ZeroDivisionError(f"{quota.spent} calls")

    async def use(ledger: QuotaLedger, _: QuotaLedger) -> None:
        await charge(ledger)
        before = snapshot(database_url, "quota_ledger")
        with pytest.raises(ZeroDivisionError):
            await ledger.change(broken)
        await ledger.change(lambda quota, _: (quota, None))
        assert snapshot(database_url, "quota_ledger") == before

    with_ledgers(database_url, use)


def test_the_row_keeps_when_the_vendor_told_it_last(database_url: str) -> None:
    async def use(first: QuotaLedger, second: QuotaLedger) -> datetime:
        moment = await charge(first, reported=True)
        await charge(second)
        return moment

    moment = with_ledgers(database_url, use)
    assert rows(database_url, "SELECT spent, reported_at FROM quota_ledger") == [(2, moment)]


def test_each_token_has_a_row_of_its_own_that_does_not_tell_it(database_url: str) -> None:
    async def use() -> None:
        async with open_store(database_url, "public", 1, lease_sec=60) as store:
            for token in (TOKEN, Secret("another"), TOKEN):
                await charge(store.quota(token))

    asyncio.run(use())
    assert value(database_url, "SELECT array_agg(spent ORDER BY spent) FROM quota_ledger") == [1, 2]
    named = "SELECT count(*) FROM quota_ledger q WHERE q::text LIKE '%%' || %s || '%%'"
    assert value(database_url, named, TOKEN.reveal()) == 0
    assert value(database_url, named, "another") == 0


def test_a_refusal_is_remembered_until_it_is_dropped(database_url: str) -> None:
    async def use() -> list[set[str]]:
        async with open_store(database_url, "public", 1, lease_sec=60) as store:
            quota, another = store.quota(TOKEN), store.quota(Secret("another"))
            now = datetime(2026, 11, 10, tzinfo=UTC)
            week_ago = now - timedelta(days=7)
            await quota.note_refusal(Endpoint.BULK, "US", now)
            found = [
                await quota.refused(Endpoint.BULK, week_ago),
                await quota.refused(Endpoint.BULK, now),
                await another.refused(Endpoint.BULK, week_ago),
            ]
            await quota.note_refusal(Endpoint.BULK, "US", None)
            return [*found, await quota.refused(Endpoint.BULK, week_ago)]

    assert asyncio.run(use()) == [{"US"}, set(), set(), set()]
