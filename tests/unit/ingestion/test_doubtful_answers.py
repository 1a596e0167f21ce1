"""Unfit answers hold for their assets once the vendor is seen to answer rightly, and only then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from data_nexus.domain.limits.mass_failure import MOST_ALIKE, MOST_UNFIT
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import (
    BrokenAnswer,
    CredentialsRefused,
    EndpointNotInPlan,
    NexusError,
    NotListed,
    ProductNotInPlan,
    QuotaSpent,
    RequestRefused,
    VendorFailed,
    VendorUnavailable,
)
from data_nexus.events import Event, Waiting
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.histories.doubtful_answers import Doubtful, DoubtfulAnswers

REFUSED = "405 Method Not Allowed"


@dataclass(slots=True)
class Run:
    """A run's doubts, with what became of the assets; `answers` are the witnesses' own, in turn."""

    answers: list[Exception | None] = field(default_factory=list)
    waits: bool = False
    asked: list[Symbol] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    left_due: list[int] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    doubts: DoubtfulAnswers = field(init=False)
    drain: Drain = field(init=False)

    def __post_init__(self) -> None:
        self.drain = Drain(self.events.append)
        self.doubts = DoubtfulAnswers(
            ask=self.ask,
            witnesses=self.witnesses,
            leave_due=self.leave_due,
            observe=self.observe,
            drain=self.drain,
            waits=self.waits,
            first_wait_sec=0.001,
        )

    def observe(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Waiting):
            self.waiting.set()

    async def ask(self, symbol: Symbol) -> None:
        self.asked.append(symbol)
        answer = self.answers.pop(0) if self.answers else None
        if answer:
            raise answer

    async def witnesses(self, but: Sequence[int], limit: int) -> list[Symbol]:
        self.excluded += but
        return [Symbol(f"W{n}", "US") for n in range(limit)]

    async def leave_due(self, doubtful: Sequence[Doubtful]) -> None:
        self.left_due += [each.lease.asset_id for each in doubtful]

    def doubtful(self, number: int, error: NexusError | None = None) -> Doubtful:
        """An asset's unfit answer that has just come."""
        symbol = Symbol(f"S{number}", "US")
        lease = Lease(
            asset_id=number,
            symbol=symbol,
            fence=1,
            synced_through=None,
            times_empty=0,
            is_first=True,
            trusted_until=0.0,
        )
        refused = error or RequestRefused(f"{symbol}: {REFUSED}")
        return Doubtful(lease, refused, time.monotonic(), self.settle(number))

    def settle(self, number: int) -> Callable[[], Awaitable[None]]:
        async def settle() -> None:
            self.settled.append(number)

        return settle

    async def hold(self, *numbers: int) -> None:
        for number in numbers:
            await self.doubts.hold(self.doubtful(number))

    async def hold_all(self, doubtful: Sequence[Doubtful]) -> None:
        for each in doubtful:
            await self.doubts.hold(each)


def run(scenario: Callable[[Run], Awaitable[None]], **values: object) -> Run:
    """Let a scenario come to its end."""
    made = Run(**values)  # type: ignore[arg-type]
    asyncio.run(asyncio.wait_for(scenario(made), 20))
    return made


def wrong(number: int = 3) -> list[Exception | None]:
    return [RequestRefused(f"W{n}.US: {REFUSED}") for n in range(number)]


def test_a_refusal_is_held_until_another_asset_gets_a_good_answer() -> None:
    async def scenario(made: Run) -> None:
        await made.hold(1, 2)
        assert made.settled == []
        await made.doubts.note_good()
        assert made.settled == [1, 2]
        await made.hold(3)
        assert made.settled == [1, 2]

    assert run(scenario).asked == []


def test_a_run_s_end_settles_what_is_too_little_for_a_doubt() -> None:
    async def scenario(made: Run) -> None:
        await made.hold(*range(MOST_ALIKE - 1))
        await made.doubts.settle()

    made = run(scenario)
    assert (made.settled, made.asked) == ([*range(MOST_ALIKE - 1)], [])


def test_ten_alike_without_a_good_answer_anywhere_end_the_run_and_all_stay_due() -> None:
    async def scenario(made: Run) -> None:
        await made.hold(*range(MOST_ALIKE - 1))
        with pytest.raises(VendorUnavailable) as ended:
            await made.hold(MOST_ALIKE - 1)
        assert "10 answers in a row" in str(ended.value)
        assert f"S9.US: {REFUSED}" in str(ended.value)
        assert "EODHD_BASE_URL" in str(ended.value)

    made = run(scenario, answers=wrong())
    assert (made.settled, made.left_due) == ([], [*range(MOST_ALIKE)])
    assert len(made.asked) == 3
    assert made.excluded == [*range(MOST_ALIKE)], "no witness is one of those in doubt"


def test_what_was_under_way_when_it_ended_stays_due_as_well() -> None:
    async def scenario(made: Run) -> None:
        with pytest.raises(VendorUnavailable):
            await made.hold(*range(MOST_ALIKE))
        await made.hold(*range(50, 90))

    made = run(scenario, answers=wrong())
    assert (made.settled, len(made.asked)) == ([], 3)
    assert made.left_due == [*range(MOST_ALIKE), *range(50, 90)]


def test_with_more_requests_in_flight_than_it_takes_the_witnesses_are_asked_once() -> None:
    async def scenario(made: Run) -> None:
        held = (made.doubts.hold(made.doubtful(n)) for n in range(64))
        ended = await asyncio.gather(*held, return_exceptions=True)
        assert [type(each) for each in ended if each] == [VendorUnavailable]

    made = run(scenario, answers=wrong())
    assert (made.settled, len(made.asked)) == ([], 3)
    assert sorted(made.left_due) == [*range(64)]


def test_one_good_witness_shows_that_the_refusals_are_the_assets_own() -> None:
    """Thousands may be refused for a reason of their own: the queue's head blocks nothing."""

    async def scenario(made: Run) -> None:
        await made.hold(*range(3 * MOST_ALIKE))

    made = run(scenario, answers=[NotListed("W0.US: 404"), None])
    assert (made.settled, made.left_due) == ([*range(3 * MOST_ALIKE)], [])
    assert len(made.asked) == 2 + 1 + 1, "two for the first ten, then one for each ten"


def test_absences_are_held_longer() -> None:
    async def scenario(made: Run) -> None:
        for number in range(MOST_UNFIT):
            absent = NotListed(f"S{number}.US: not listed")
            await made.doubts.hold(made.doubtful(number, absent))
            assert bool(made.asked) == (number == MOST_UNFIT - 1)

    assert run(scenario).settled == [*range(MOST_UNFIT)]


def test_broken_answers_count_although_their_assets_are_left_due_already() -> None:
    async def scenario(made: Run) -> None:
        errors = [BrokenAnswer(f"S{n}.US: not JSON") for n in range(MOST_ALIKE)]
        left_due = [replace(made.doubtful(n, e), settle=None) for n, e in enumerate(errors)]
        with pytest.raises(VendorUnavailable):
            await made.hold_all(left_due)

    made = run(scenario, answers=wrong())
    assert (made.settled, made.left_due, len(made.asked)) == ([], [], 3)


def test_attempts_that_bring_nothing_readable_count_one_by_one_and_other_failures_do_not() -> None:
    async def scenario(made: Run) -> None:
        lease = made.doubtful(1).lease
        note = made.doubts.attempts_of(lease, time.monotonic())
        for _ in range(MOST_ALIKE):
            await note(VendorFailed("S1.US: 503"))
        for _ in range(MOST_ALIKE - 1):
            await note(BrokenAnswer("S1.US: not JSON"))
        with pytest.raises(VendorUnavailable, match="10 answers in a row"):
            await note(BrokenAnswer("S1.US: not JSON"))

    made = run(scenario, answers=wrong())
    assert (made.settled, made.left_due, len(made.asked)) == ([], [], 3)


def test_a_plan_that_lacks_it_for_all_ends_with_the_plan_s_exit_code() -> None:
    async def scenario(made: Run) -> None:
        errors = [EndpointNotInPlan(f"S{n}.US: 423 Prohibited", 423) for n in range(MOST_ALIKE)]
        with pytest.raises(ProductNotInPlan) as ended:
            await made.hold_all([made.doubtful(n, error) for n, error in enumerate(errors)])
        assert ended.value.exit_code == 5

    run(scenario, answers=wrong())


@pytest.mark.parametrize("error", [CredentialsRefused("W0.US: 401"), QuotaSpent("spent")])
def test_what_ends_a_run_ends_it_from_a_witness_too(error: NexusError) -> None:
    async def scenario(made: Run) -> None:
        with pytest.raises(type(error)):
            await made.hold(*range(MOST_ALIKE))

    made = run(scenario, answers=[error])
    assert (made.settled, made.left_due) == ([], [*range(MOST_ALIKE)])


def test_a_run_that_waits_asks_again_until_a_witness_is_answered() -> None:
    async def scenario(made: Run) -> None:
        held = (made.doubts.hold(made.doubtful(n)) for n in range(MOST_ALIKE + 5))
        await asyncio.gather(*held)
        await made.hold(100)
        assert made.left_due == [*range(MOST_ALIKE + 5)], "answered in bad times: asked again"
        await made.doubts.note_good()

    made = run(scenario, answers=[*wrong(), *wrong()], waits=True)
    assert (made.settled, len(made.asked)) == ([100], 7)
    waits = [event for event in made.events if isinstance(event, Waiting)]
    assert [wait.seconds for wait in waits] == [0.001, 0.002]
    assert REFUSED in waits[0].reason


def test_a_run_that_waits_can_be_drained() -> None:
    async def scenario(made: Run) -> None:
        made.doubts.first_wait_sec = 1000
        holding = asyncio.create_task(made.hold(*range(MOST_ALIKE)))
        await made.waiting.wait()
        made.drain.request("SIGTERM")
        await holding

    made = run(scenario, answers=wrong(9), waits=True)
    assert (made.settled, made.left_due) == ([], [*range(MOST_ALIKE)])


def test_a_doubt_that_was_cut_short_is_decided_for_the_assets() -> None:
    async def scenario(made: Run) -> None:
        asked = asyncio.Event()

        async def never(_: Symbol) -> None:
            asked.set()
            await asyncio.sleep(1000)

        made.doubts.ask = never
        holding = asyncio.create_task(made.hold(*range(MOST_ALIKE)))
        await asked.wait()
        holding.cancel()
        await asyncio.wait([holding])
        await made.doubts.settle()

    made = run(scenario)
    assert (made.settled, made.left_due) == ([], [*range(MOST_ALIKE)])


def test_what_was_asked_for_before_the_vendor_recovered_is_asked_for_again() -> None:
    async def scenario(made: Run) -> None:
        late = made.doubtful(77)
        await made.hold(*range(MOST_ALIKE))
        await made.doubts.hold(late)
        await made.doubts.note_good()

    made = run(scenario, answers=wrong(), waits=True)
    assert (made.settled, made.left_due) == ([], [*range(MOST_ALIKE), 77])


def test_a_suspect_is_settled_at_once_or_left_due_but_never_held() -> None:
    async def scenario(made: Run) -> None:
        await made.doubts.pass_by(made.doubtful(1))
        assert (made.settled, made.left_due) == ([], [1])
        await made.doubts.note_good()
        await made.doubts.pass_by(made.doubtful(2))
        assert made.settled == [2]
        await made.hold(3)
        await made.doubts.pass_by(made.doubtful(4))
        assert made.left_due == [1, 4]

    run(scenario)


@pytest.mark.parametrize(
    ("answers", "settled", "asked"),
    [(wrong(), [], 3), ([None], [1, 2, 3], 1)],
    ids=["none is answered", "another is answered"],
)
def test_loaded_assets_that_are_all_gone_are_believed_only_with_a_witness(
    answers: list[Exception | None], settled: list[int], asked: int
) -> None:
    """A database of three assets, say, and a wrong address that answers 404."""

    async def scenario(made: Run) -> None:
        for number in (1, 2, 3):
            gone = made.doubtful(number, NotListed(f"S{number}.US: not listed"))
            await made.doubts.hold(replace(gone, lease=replace(gone.lease, is_first=False)))
        if settled:
            await made.doubts.settle()
        else:
            with pytest.raises(VendorUnavailable, match="All stay due"):
                await made.doubts.settle()

    made = run(scenario, answers=answers)
    assert (made.settled, len(made.asked)) == (settled, asked)
    assert made.left_due == ([] if settled else [1, 2, 3])


@pytest.mark.parametrize("number", [2, 3])
def test_symbols_that_never_had_bars_and_one_or_two_that_had_are_believed(number: int) -> None:
    async def scenario(made: Run) -> None:
        for each in range(1, number + 1):
            gone = made.doubtful(each, NotListed(f"S{each}.US: not listed"))
            lease = replace(gone.lease, is_first=number == 3)
            await made.doubts.hold(replace(gone, lease=lease))
        await made.doubts.settle()

    assert run(scenario).settled == [*range(1, number + 1)]
