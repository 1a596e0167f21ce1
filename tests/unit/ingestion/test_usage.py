"""The vendor's own count is asked for before anything is spent, and again by time and by calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import cast

from data_nexus.errors import NotListed
from data_nexus.events import Event, Warned, ignore
from data_nexus.ingestion.fetching.quota_ledger import Ledger
from data_nexus.ingestion.fetching.usage import UsagePoll

ANSWER = b'{"apiRequests": 5, "apiRequestsDate": "2026-11-08", "dailyRateLimit": 100}'


@dataclass(slots=True)
class Notes:
    """A ledger that only notes the vendor's counts."""

    left: int | None = None
    row: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(is_doubtful=False))
    noted: list[tuple[object, ...]] = field(default_factory=list)

    async def note_account(self, spent: int, on: date | None, limit: int, extra: int) -> None:
        self.noted.append((spent, on, limit, extra))


@dataclass(slots=True)
class Clock:
    """A clock that a test moves."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def polled(steps: list[tuple[float, int, int | None, bool]]) -> list[int]:
    """How often was asked, after each step: seconds that pass, calls spent, calls left, doubt."""

    async def poll() -> list[int]:
        notes, clock, counts = Notes(), Clock(), list[int]()

        async def ask() -> bytes:
            return ANSWER

        usage = UsagePoll(ask, cast("Ledger", notes), ignore, clock=clock)
        for seconds, calls, left, is_doubtful in steps:
            clock.seconds += seconds
            usage.calls += calls
            notes.left = left
            notes.row.is_doubtful = is_doubtful
            await usage.keep()
            counts.append(len(notes.noted))
        return counts

    return asyncio.run(poll())


def test_a_root_without_an_account_is_named_and_ends_nothing() -> None:
    said = list[Event]()

    async def ask() -> bytes:
        raise NotListed("user: 404")

    asyncio.run(UsagePoll(ask, cast("Ledger", Notes()), said.append).keep())
    (warned,) = said
    assert isinstance(warned, Warned)
    assert "no account there (404); is EODHD_BASE_URL right?" in warned.text


def test_it_is_asked_for_at_first_and_again_after_ten_minutes() -> None:
    assert polled([(0, 0, None, False), (599, 1, None, False), (2, 1, None, False)]) == [1, 1, 2]


def test_it_is_asked_for_again_when_a_tenth_of_what_was_left_is_spent() -> None:
    steps: list[tuple[float, int, int | None, bool]] = [
        (0, 0, 5000, False),
        (1, 500, 5000, False),
        (1, 1, 4999, False),
    ]
    assert polled(steps) == [1, 1, 2]


def test_it_is_asked_for_again_when_the_ledger_s_memory_was_not_believed() -> None:
    assert polled([(0, 0, None, False), (1, 0, None, True), (1, 0, None, False)]) == [1, 2, 2]
