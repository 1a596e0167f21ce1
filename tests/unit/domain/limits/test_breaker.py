"""The circuit breaker, the retry budget and the concurrency limit."""

from __future__ import annotations

from data_nexus.domain.limits.breaker import Breaker, RetryBudget, admit, answered, failed
from data_nexus.domain.limits.concurrency import (
    ConcurrencyLimit,
    decreased,
    increased,
    restored,
    timed_out,
)


def failing(breaker: Breaker, times: int, *, reached: bool = True, at: float = 0.0) -> Breaker:
    for n in range(times):
        breaker = failed(breaker, at + n * 0.1, 0.5, reached=reached)
    return breaker


def test_a_few_failures_among_many_answers_leave_it_closed() -> None:
    breaker = Breaker()
    for n in range(100):
        breaker = answered(breaker, n * 0.1)
    assert failing(breaker, 19, at=10).state == "closed"


def test_half_of_twenty_failing_open_it() -> None:
    breaker = Breaker()
    for n in range(10):
        breaker = answered(breaker, n * 0.1)
    assert failing(breaker, 9, at=1).state == "closed"
    assert failing(breaker, 10, at=1).state == "open"


def test_five_failed_connections_in_a_row_open_it() -> None:
    assert failing(Breaker(), 4, reached=False).state == "closed"
    assert failing(Breaker(), 5, reached=False).state == "open"


def test_old_failures_are_forgotten() -> None:
    assert failing(failing(Breaker(), 9), 9, at=100).state == "closed"


def test_ten_failures_and_no_success_in_a_minute_open_it() -> None:
    assert failing(Breaker(), 9).state == "closed"
    assert failing(Breaker(), 10).state == "open"
    assert failing(answered(Breaker(), 0.0), 15).state == "closed"


def test_an_open_breaker_lets_one_probe_through_when_its_time_has_come() -> None:
    breaker = failing(Breaker(), 5, reached=False)
    breaker, wait = admit(breaker, 1.0)
    assert 25 < wait <= 30
    breaker, wait = admit(breaker, 31.0)
    assert (wait, breaker.state) == (0.0, "probing")
    breaker, wait = admit(breaker, 31.0)
    assert wait > 0


def test_a_probe_that_is_never_answered_gives_way_to_another() -> None:
    breaker, _ = admit(failing(Breaker(), 5, reached=False), 31.0)
    breaker, wait = admit(breaker, 100.0)
    assert wait == 0.0


def test_a_good_probe_closes_it_and_a_bad_one_opens_it_again() -> None:
    probing, _ = admit(failing(Breaker(), 5, reached=False), 31.0)
    assert answered(probing, 32.0).state == "closed"
    again = failed(probing, 32.0, 0.5, reached=False)
    assert again.times_opened == 2
    assert 22.5 <= admit(again, 32.0)[1] <= 30.0


def pauses(openings: int, first_open_sec: float) -> list[float]:
    """How long it stays open at each opening in succession, at the longest."""
    breaker, moment, found = Breaker(first_open_sec=first_open_sec), 0.0, list[float]()
    for n in range(openings):
        for _ in range(1 if n else 10):
            breaker = failed(breaker, moment, 1.0, reached=True)
        breaker, wait = admit(breaker, moment)
        found.append(wait)
        moment += wait
        breaker, _ = admit(breaker, moment)
    return found


def test_the_pauses_stay_the_same_for_minutes_and_then_double_to_ten_minutes() -> None:
    assert pauses(14, 30.0) == [30.0] * 8 + [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    assert pauses(2, 700.0) == [700.0, 700.0]


def test_many_failures_in_a_row_open_it_however_many_answers_came_before() -> None:
    breaker = Breaker()
    for n in range(900):
        breaker = answered(breaker, n * 0.05)
    assert failing(breaker, 19, at=45).state == "closed"
    assert failing(breaker, 20, at=45).state == "open"
    interrupted = answered(failing(breaker, 19, at=45), 47.0)
    assert failing(interrupted, 19, at=47).state == "closed"


def test_retries_are_a_fifth_of_the_requests() -> None:
    budget, retries = RetryBudget(0.0), 0
    for _ in range(1000):
        budget, wait = budget.earn().spend(0.0)
        retries += not wait
    assert 195 <= retries <= 200


def test_an_empty_budget_says_when_time_has_earned_a_retry() -> None:
    empty, wait = RetryBudget(0.4, 100.0).spend(102.0)
    assert (round(empty.saved, 6), round(wait, 6)) == (0.6, 4.0)
    assert empty.spend(105.9)[1] > 0
    assert empty.spend(106.0)[1] == 0


def test_no_more_than_ten_retries_are_saved_up() -> None:
    budget, taken = RetryBudget(10.0, 0.0), 0
    while not (found := budget.spend(1e6))[1]:
        budget, taken = found[0], taken + 1
    assert taken == 10


def test_the_limit_grows_by_one_a_round_and_halves_on_trouble() -> None:
    limit = ConcurrencyLimit(16)
    for _ in range(4):
        limit = increased(limit)
    assert limit.requests in {4, 5}
    for _ in range(500):
        limit = increased(limit)
    assert limit.requests == 16
    halved = decreased(limit, 10.0, 1.0)
    assert halved.requests == 8
    assert decreased(halved, 10.5, 1.0).requests == 8
    assert decreased(halved, 11.5, 1.0).requests == 4


def test_the_limit_never_falls_below_one() -> None:
    limit = ConcurrencyLimit(5)
    for n in range(10):
        limit = decreased(limit, float(n * 10), 1.0)
    assert limit.requests == 1


def test_a_timeout_among_many_answers_is_its_own_trouble() -> None:
    limit = ConcurrencyLimit(16, allowed=16.0)
    for _ in range(10):
        limit = increased(limit)
    lonely = timed_out(limit, 10.0, 1.0)
    assert lonely.requests == 16
    assert timed_out(lonely, 10.5, 1.0).requests == 8


def test_after_an_outage_the_earlier_limit_holds_at_once() -> None:
    limit = ConcurrencyLimit(16, allowed=12.0)
    for n in range(4):
        limit = timed_out(limit, n * 10.0, 1.0)
    assert limit.requests == 1
    assert restored(increased(limit)).requests == 12
    assert restored(ConcurrencyLimit(16, allowed=5.0)).requests == 5


def test_what_was_allowed_before_is_forgotten_once_it_is_regained() -> None:
    limit = decreased(ConcurrencyLimit(16, allowed=8.0), 0.0, 1.0)
    for _ in range(200):
        limit = increased(limit)
    assert limit.earlier == 0.0
    assert restored(decreased(limit, 100.0, 1.0)).requests == 16
