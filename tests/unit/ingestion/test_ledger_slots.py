"""A worker's slots belong to their day, and become void with what was heard since.

The ledger's row is a value here, at a moment that the test chooses.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar, cast

import pytest

from data_nexus.database.store.clock import clock_at
from data_nexus.database.store.quota import Decide, QuotaLedger
from data_nexus.domain.calendar.window import whole_window
from data_nexus.domain.limits.backoff import Backoff
from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.symbol import Symbol
from data_nexus.eodhd.client import MinuteLimit, VendorClient
from data_nexus.eodhd.requests import Request, history_request
from data_nexus.errors import Fenced, NotSent, QuotaSpent, VendorUnavailable
from data_nexus.events import Event, Waiting, Warned, ignore
from data_nexus.ingestion.fetching.circuit_breakers import CircuitBreakers
from data_nexus.ingestion.fetching.concurrency_gate import concurrency_gate
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.fetching.requester import FetchState, Requester

Result = TypeVar("Result")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOON.date()


@dataclass(slots=True)
class Row:
    """A token's row, and the moment by the database's clock."""

    quota: Quota
    moment: datetime = NOON
    reported: int = 0

    def __post_init__(self) -> None:
        self.clock = clock_at(self.moment)

    clock: object = field(init=False)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def change(
        self, decide: Decide[Result], *, reported: bool = False, once: bool = False
    ) -> tuple[Result, datetime]:
        """Let `decide` change the row."""
        del once
        await asyncio.sleep(0)
        self.quota, found = decide(self.quota, self.moment)
        self.reported += reported
        self.changed.set()
        return found, self.moment


def row(moment: datetime = NOON, **values: object) -> Row:
    known = Quota(moment.date(), 0, 1000, 0, 1000, moment)
    return Row(replace(known, **values), moment)  # type: ignore[arg-type]


def ledger(of: Row, observe: Callable[[Event], None] = ignore, keep_share: float = 0.0) -> Ledger:
    return Ledger(cast("QuotaLedger", of), observe, keep_share=keep_share)


def run(work: Awaitable[Result]) -> Result:
    async def within() -> Result:
        return await asyncio.wait_for(work, 10)

    return asyncio.run(within())


def test_a_slot_behind_midnight_is_given_back_to_the_new_day() -> None:
    kept = row(datetime(2026, 3, 10, 23, 59, 31, tzinfo=UTC), spent=7)

    async def cancel() -> None:
        ours = ledger(kept)
        admitting = asyncio.create_task(ours.admit(1))
        await kept.changed.wait()
        assert kept.quota.spent > 0
        admitting.cancel()
        with suppress(asyncio.CancelledError):
            await admitting
        await ours.close()

    run(cancel())
    assert (kept.quota.day, kept.quota.spent) == (date(2026, 3, 11), 0)


def test_a_slot_handed_out_before_a_402_is_not_used_after_it() -> None:
    kept = row(minute_limit=1000, next_slot=NOON + timedelta(seconds=0.5))

    async def refused_while_it_waits() -> None:
        ours = ledger(kept)
        admitting = asyncio.create_task(ours.admit(1))
        await kept.changed.wait()
        await ours.note_exhausted()
        with pytest.raises(QuotaSpent):
            await admitting

    run(refused_while_it_waits())
    assert kept.quota.spent == 0


def test_a_full_minute_moves_the_next_slot_whether_the_limit_is_new_or_not() -> None:
    kept = row()

    async def heard() -> None:
        ours = ledger(kept)
        await ours.note_minute_limit(1000, 500)
        before = kept.quota.next_slot
        await ours.note_minute_limit(1000, 0)
        assert before == NOON
        assert kept.quota.next_slot == NOON + timedelta(seconds=2)

    run(heard())


def test_the_first_request_does_not_wait_for_a_minute_that_is_not_used() -> None:
    """The limit is assumed to be larger until the first answer says what it is."""
    kept = row(minute_limit=300)

    async def begin() -> None:
        ours = ledger(kept)
        slot = await ours.admit(0)
        await ours.note_minute_limit(60, 59, slot.minute_limit)
        await ours.admit(1)

    run(begin())
    assert kept.quota.minute_limit == 60
    assert kept.quota.next_slot < NOON + timedelta(seconds=10)


def test_an_answer_to_a_slot_of_an_older_limit_is_heard_although_the_limit_is_known() -> None:
    kept = row(minute_limit=60)

    async def heard() -> None:
        ours = ledger(kept)
        await ours.note_minute_limit(60, 59)
        await ours.note_minute_limit(60, 40, 60)
        assert kept.quota.next_slot == NOON
        await ours.note_minute_limit(60, 40, 300)
        assert kept.quota.next_slot == NOON + timedelta(seconds=20)

    run(heard())


def test_a_pause_holds_for_every_worker() -> None:
    kept = row()

    async def paused() -> None:
        await ledger(kept).pause(40)
        assert kept.quota.next_slot == NOON + timedelta(seconds=40)
        waits = asyncio.Queue[Event]()
        admitting = asyncio.create_task(ledger(kept, waits.put_nowait).admit(1))
        wait = await waits.get()
        admitting.cancel()
        assert isinstance(wait, Waiting)
        assert 39 < wait.seconds <= 40

    run(paused())


def test_what_begins_must_be_paid_by_the_day_without_the_reserve() -> None:
    kept = row(spent=940)
    run(ledger(kept, keep_share=0.05).require(10))
    with pytest.raises(QuotaSpent):
        run(ledger(kept, keep_share=0.05).require(11))
    run(ledger(kept).require(60))


@pytest.mark.parametrize("day", [date(2026, 3, 11), date(2026, 3, 12), date.max])
def test_a_count_of_a_day_to_come_is_ignored_with_a_word(day: date) -> None:
    """Of tomorrow, too: what is spent of today would be forgotten."""
    kept, said = row(spent=3), list[Event]()
    ours = ledger(kept, said.append)
    for _ in range(2):
        run(ours.note_account(1000, day, 1000, 0))
    assert (kept.quota, kept.reported) == (row(spent=3).quota, 0)
    (warned,) = said
    assert isinstance(warned, Warned)
    assert f"dated {day}" in warned.text
    assert "2026-03-10 12:00 UTC" in warned.text


def test_a_count_of_tomorrow_is_believed_shortly_before_midnight_as_clocks_differ() -> None:
    kept = row(NOON + timedelta(hours=11, minutes=50, seconds=1), spent=3)
    run(ledger(kept).note_account(5, TODAY + timedelta(days=1), 1000, 0))
    assert (kept.quota.day, kept.quota.spent) == (TODAY + timedelta(days=1), 5)


def test_a_count_beyond_reason_is_ignored_with_a_word_and_the_ledger_goes_on() -> None:
    kept, said = row(spent=3, day_limit=None), list[Event]()
    ours = ledger(kept, said.append)
    for _ in range(2):
        run(ours.note_account(999_999_999, TODAY, 100_000, 0))
    assert (kept.quota.spent, kept.quota.day_limit) == (3, 100_000)
    assert run(ours.admit(1)).calls == 1
    (warned,) = said
    assert isinstance(warned, Warned)
    assert "counts 999,999,999 calls of a day that has 100,000" in warned.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": date(2036, 1, 1), "spent": 1000},
        {"day": date.max, "spent": 1000, "refused": True},
        {"next_slot": NOON + timedelta(days=10)},
    ],
    ids=str,
)
def test_what_a_wrong_clock_has_left_is_taken_back_at_the_next_request(
    wrong: dict[str, object],
) -> None:
    said = list[Event]()
    kept = row(**wrong)  # type: ignore[arg-type]
    ours = ledger(kept, said.append)
    slot = run(ours.admit(1))
    assert slot.day == kept.quota.day == TODAY
    assert kept.quota.next_slot < NOON + timedelta(seconds=1)
    assert [type(event).__name__ for event in said] == ["Warned"]
    assert ours.row.is_doubtful, "the vendor's own count is asked for next"
    run(ours.note_account(400, TODAY, 1000, 0))
    assert (kept.quota.spent, ours.row.is_doubtful) == (400, False)


@dataclass(slots=True)
class Vendor:
    """A vendor that answers its account and, if it is asked, a history."""

    sent: list[Request] = field(default_factory=list)
    minute: MinuteLimit | None = None

    async def fetch(self, request: Request) -> bytes:
        """Answer one request."""
        self.sent.append(request)
        if request.subject:
            return b"[]"
        return b'{"apiRequests": 0, "apiRequestsDate": "2026-03-10", "dailyRateLimit": 1000}'


def requester_of(vendor: Vendor, kept: Row, **breakers: object) -> Requester:
    return Requester(
        client=cast("VendorClient", vendor),
        ledger=ledger(kept),
        backoff=Backoff(4, 0.0),
        observe=ignore,
        gate=concurrency_gate(1),
        breakers=CircuitBreakers(ignore, **breakers),  # type: ignore[arg-type]
        chance=random.Random(1),  # noqa: S311 - no secret
    )


@dataclass(slots=True)
class Lost(Vendor):
    """A vendor to which no connection comes about."""

    async def fetch(self, request: Request) -> bytes:
        """Fail."""
        self.sent.append(request)
        raise NotSent("no connection: refused", "refused")


def test_what_is_given_up_as_the_vendor_cannot_be_reached_costs_no_call() -> None:
    kept, vendor, moments = row(), Lost(), iter(range(0, 1000, 3))

    async def fetch() -> None:
        requester = requester_of(vendor, kept, clock=lambda: float(next(moments)))
        request = history_request(Symbol("A", "US"), whole_window(NOON))
        with pytest.raises(VendorUnavailable, match="cannot be reached: refused"):
            await requester.fetch(request, bytes, FetchState())
        assert requester.requests == 0
        await requester.ledger.close()

    run(fetch())
    assert kept.quota.spent == 0
    assert [request.name for request in vendor.sent] == ["user", "A.US"]


def test_a_lease_lost_while_its_turn_came_costs_no_call() -> None:
    kept, vendor = row(), Vendor()

    async def fetch() -> None:
        ours = ledger(kept)
        requester = Requester(
            client=cast("VendorClient", vendor),
            ledger=ours,
            backoff=Backoff(1, 0.0),
            observe=ignore,
            gate=concurrency_gate(1),
            breakers=CircuitBreakers(ignore),
            chance=random.Random(1),  # noqa: S311 - no secret
        )
        request = history_request(Symbol("A", "US"), whole_window(NOON))
        with pytest.raises(Fenced):
            await requester.fetch(request, bytes, FetchState(is_wanted=lambda: False))
        await ours.close()

    run(fetch())
    assert kept.quota.spent == 0
    assert [request.name for request in vendor.sent] == ["user"]
