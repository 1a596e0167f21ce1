"""Fetchers go on while assets wait for their retries, within the budget and its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from data_nexus.events import Event, Waiting, ignore
from data_nexus.ingestion.histories.turns import Rest, Turn, Turns

LONG = 100.0


@dataclass(slots=True)
class Walk:
    """A walk along some assets, each of which fails a number of times before it is answered."""

    failures: dict[str, int]
    budget: int = 1000
    wait_sec: float = 0.0
    patience_sec: float = LONG
    log: list[str] = field(default_factory=list)
    said: list[Event] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    noted: asyncio.Event = field(default_factory=asyncio.Event)

    def spend(self) -> float:
        """Take a retry, as long as there are some."""
        if not self.budget:
            return LONG
        self.budget -= 1
        return 0.0

    async def run(self, fetchers: int) -> list[str]:
        """Walk with so many fetchers; what happened, in its order."""
        turns = Turns(self.spend, self.note, (self.ended,), self.patience_sec)
        queue = [*self.failures]

        async def fetch() -> None:
            async def first() -> Turn | None:
                await asyncio.sleep(0)
                return turns.begin(self.work(queue.pop(0))) if queue else None

            while turn := turns.take() or await first() or await turns.last():
                await turns.attend(turn)

        try:
            async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
                for _ in range(fetchers):
                    tasks.create_task(fetch())
        finally:
            await turns.end()
        return self.log

    def note(self, event: Event) -> None:
        """Note what is observed."""
        self.said.append(event)
        self.noted.set()

    def work(self, name: str) -> Callable[[Rest], Coroutine[Any, Any, None]]:
        """The work on an asset."""

        async def request(rest: Rest) -> None:
            for _ in range(self.failures[name]):
                self.log.append(f"{name} failed")
                if len(self.log) == len(self.failures) > 1:
                    self.noted.set()
                if not await rest(self.wait_sec):
                    self.log.append(f"{name} given up")
                    return
            self.log.append(f"{name} answered")

        return request


def walk(fetchers: int = 1, **values: object) -> list[str]:
    return asyncio.run(Walk(**values).run(fetchers))  # type: ignore[arg-type]


def test_a_fetcher_goes_on_while_an_asset_waits_for_its_retry() -> None:
    assert walk(failures={"A": 1, "B": 0, "C": 0}, wait_sec=0.05) == [
        *("A failed", "B answered", "C answered", "A answered")
    ]


def test_without_retries_in_the_budget_all_others_are_asked_first() -> None:
    assert walk(failures={"A": 1, "B": 0, "C": 0}, budget=0, patience_sec=0.0) == [
        *("A failed", "B answered", "C answered", "A given up")
    ]


def test_a_retry_whose_time_has_come_is_taken_before_the_next_asset() -> None:
    assert walk(failures={"A": 2, "B": 0}) == ["A failed", "A failed", "A answered", "B answered"]


def test_the_budget_is_spent_once_for_each_retry() -> None:
    failing = Walk({"A": 2, "B": 1, "C": 0}, budget=10)
    asyncio.run(failing.run(2))
    assert failing.budget == 7


def test_at_the_end_of_the_walk_retries_are_waited_for() -> None:
    log = walk(3, failures={"A": 2, "B": 1}, wait_sec=0.02)
    assert sorted(log[-2:]) == ["A answered", "B answered"]


def test_what_the_budget_does_not_pay_in_time_is_given_up_with_a_word() -> None:
    failing = Walk({"A": 1, "B": 1}, budget=1, patience_sec=0.0)
    log = asyncio.run(failing.run(2))
    assert sorted(line.split(" ", 1)[1] for line in log[-2:]) == ["answered", "given up"]


def test_a_wait_for_the_budget_is_seen() -> None:
    failing = Walk({"A": 1}, budget=0, patience_sec=2 * LONG)

    async def run() -> None:
        working = asyncio.create_task(failing.run(1))
        await failing.noted.wait()
        failing.ended.set()
        await working

    asyncio.run(run())
    assert [type(event) for event in failing.said] == [Waiting]
    assert failing.log == ["A failed"]


def test_the_end_of_a_run_ends_the_waits_and_the_work() -> None:
    failing = Walk({"A": 1, "B": 1}, wait_sec=LONG)

    async def run() -> None:
        working = asyncio.create_task(failing.run(2))
        await failing.noted.wait()
        failing.ended.set()
        await working
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_an_error_of_the_work_reaches_the_run() -> None:
    async def run() -> None:
        turns = Turns(lambda: 0.0, ignore, ())

        async def broken(rest: Rest) -> None:
            await rest(0.0)
            raise OSError("broken")

        turn = turns.begin(broken)
        await turns.attend(turn)
        again = turns.take()
        assert again is turn
        await turns.attend(again)

    with pytest.raises(OSError, match="broken"):
        asyncio.run(run())


def test_a_fetcher_that_is_cancelled_cancels_the_work_it_attends_to() -> None:
    ended = list[str]()

    async def run() -> None:
        turns = Turns(lambda: 0.0, ignore, ())

        async def endless(_: Rest) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("work")

        attending = asyncio.create_task(turns.attend(turns.begin(endless)))
        await asyncio.sleep(0.01)
        attending.cancel()
        await asyncio.wait([attending])
        await turns.end()

    asyncio.run(run())
    assert ended == ["work"]


def test_work_that_is_cancelled_while_it_rests_is_not_resumed() -> None:
    async def run() -> None:
        turns = Turns(lambda: 0.0, ignore, ())

        async def resting(rest: Rest) -> None:
            await rest(0.0)

        turn = turns.begin(resting)
        await turns.attend(turn)
        turn.work.cancel()
        assert turns.take() is None
        assert await turns.last() is None

    asyncio.run(run())


def test_no_more_than_some_hundreds_rest_at_once() -> None:
    log = walk(failures={str(n): 1 for n in range(502)}, wait_sec=0.3)
    assert [line for line in log if line.endswith("given up")] == ["500 given up", "501 given up"]
