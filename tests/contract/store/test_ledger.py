"""What was reserved of the ledger and not used comes back, whatever is cancelled."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from data_nexus.config import Secret
from data_nexus.database.store import open_store
from data_nexus.database.store.quota import QuotaLedger
from data_nexus.errors import QuotaSpent
from data_nexus.events import ignore
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from tests.support.postgres.tables import value

TOKEN = Secret("canary5f3a9c01e7.28841620")
MOMENTS = 80


def test_a_reservation_that_is_cancelled_at_any_moment_charges_nothing(database_url: str) -> None:
    async def cancel_each() -> list[int]:
        kept = []
        async with open_store(database_url, "public", 2, lease_sec=60) as store:
            for moment in range(MOMENTS):
                ledger = Ledger(store.quota(TOKEN), ignore)
                admitting = asyncio.create_task(ledger.admit(1))
                await asyncio.sleep(moment * 1e-4)
                admitting.cancel()
                with suppress(asyncio.CancelledError):
                    await ledger.refund(await admitting)
                await ledger.close()
                kept.append(await asyncio.to_thread(spent, database_url))
        return kept

    assert asyncio.run(cancel_each()) == [0] * MOMENTS


def test_of_dear_requests_none_is_reserved_in_advance(database_url: str) -> None:
    async def admit_each() -> list[int]:
        charged = []
        async with open_store(database_url, "public", 2, lease_sec=60) as store:
            ledger = Ledger(store.quota(TOKEN), ignore)
            await ledger.note_minute_limit(100_000, 1)
            for _ in range(4):
                await ledger.admit(100)
                charged.append(await asyncio.to_thread(spent, database_url))
        return charged

    assert asyncio.run(admit_each()) == [100, 200, 300, 400]


def test_a_slot_that_comes_too_late_is_given_back_for_another(database_url: str) -> None:
    """A machine that slept would else send a burst when it wakes up."""

    async def oversleep() -> float:
        async with open_store(database_url, "public", 2, lease_sec=60) as store:
            ledger = Ledger(store.quota(TOKEN), ignore)
            await ledger.admit(1)
            admitting = asyncio.create_task(ledger.admit(1))
            await asyncio.sleep(0)
            time.sleep(1)  # noqa: ASYNC251 - so long the whole process stands still
            woken = time.monotonic()
            slot = await admitting
            await ledger.close()
            return slot.at - woken

    assert asyncio.run(oversleep()) > -0.3
    assert spent(database_url) == 2


def test_two_audits_at_once_take_one_share_of_the_day(database_url: str) -> None:
    async def take(store: QuotaLedger) -> int:
        ledger = Ledger(store, ignore, keep_share=0.05, audit_share=0.02)
        taken = 0
        with suppress(QuotaSpent):
            while True:
                await ledger.admit(1)
                taken += 1
        await ledger.close()
        return taken

    async def both() -> int:
        async with open_store(database_url, "public", 2, lease_sec=60) as store:
            first, second = store.quota(TOKEN), store.quota(TOKEN)
            await Ledger(first, ignore).note_minute_limit(1_000_000, 1_000_000)
            await Ledger(first, ignore).note_account(100, None, 1000, 500)
            return sum(await asyncio.gather(take(first), take(second)))

    assert asyncio.run(both()) == 20
    assert value(database_url, "SELECT (spent, audited)::text FROM quota_ledger") == "(20,20)"


def test_what_an_audit_did_not_use_is_given_back_to_its_share(database_url: str) -> None:
    async def take_some() -> None:
        async with open_store(database_url, "public", 2, lease_sec=60) as store:
            ledger = Ledger(store.quota(TOKEN), ignore, audit_share=0.02)
            await ledger.note_minute_limit(1_000_000, 1_000_000)
            await ledger.note_account(0, None, 1000, 0)
            for _ in range(5):
                await ledger.admit(1)
            await ledger.close()

    asyncio.run(take_some())
    assert value(database_url, "SELECT (spent, audited)::text FROM quota_ledger") == "(5,5)"


def spent(url: str) -> int:
    return int(value(url, "SELECT coalesce(sum(spent), 0) FROM quota_ledger"))
