"""What is suspected, and how long: a leap of price, and the distance between readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from data_nexus.database.store.batch import Batch, RejectedRow
from data_nexus.domain.adjustment.findings import (
    ADJUSTED_CLOSE_IS_EXPLAINED,
    AssetFinding,
    Verdict,
)
from data_nexus.domain.bars import Bars, days
from data_nexus.domain.calendar.window import EARLIEST, Window
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.planning.suspicion import (
    CONFIRMING_READINGS,
    MOST_READINGS,
    NotedSuspicion,
    Reason,
    Suspicion,
    confirmed,
    is_end_confirmed,
    wait_after,
)
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.leaps import first_leap, has_plain_step, is_leap, is_unusual
from data_nexus.ingestion.histories.suspected import settled, weighed, with_leaps
from tests.support.postgres.workers import batch_for

SESSION = date(2026, 11, 9)


def history(closes: list[float], adjusted: list[float] | None = None) -> Bars:
    """Bars of consecutive days of which the last is the session."""
    close = np.array(closes)
    first = days(SESSION) - len(closes) + 1
    dates = np.arange(first, days(SESSION) + 1, dtype=np.int32)
    paid = close if adjusted is None else np.array(adjusted)
    return Bars(dates, close, close, close, close, paid, np.full(len(close), 100.0))


@pytest.mark.parametrize(
    ("before", "after", "leaps"),
    [
        (104.0, 52.5, True),
        (52.5, 104.0, True),
        (100.0, 25.1, True),
        (100.0, 150.0, True),
        (100.0, 139.0, False),
        (100.0, 99.0, False),
        (100.0, 0.0, False),
        (0.0, 5.0, False),
    ],
)
def test_a_step_as_of_a_split_is_a_leap(before: float, after: float, *, leaps: bool) -> None:
    assert bool(is_leap(np.array([before]), np.array([after]))[0]) is leaps


def test_a_leap_is_unusual_unless_the_price_does_it_all_the_time() -> None:
    assert is_unusual([100, 101, 100, 50])
    assert not is_unusual([0.01, 0.02, 0.01, 0.02, 0.01])
    assert not is_unusual([100, 101, 100, 99])
    assert not is_unusual([5.0])
    assert not is_unusual([])


def test_a_leap_that_the_vendor_has_adjusted_for_is_explained() -> None:
    quiet = [100.0, 101.0, 100.0]
    assert first_leap(history([*quiet, 50.0]), SESSION) == SESSION
    assert not first_leap(history([*quiet, 50.0], [50.0, 50.5, 50.0, 50.0]), SESSION)
    assert not first_leap(history([*quiet, 99.0]), SESSION)
    assert not first_leap(history([100.0]), SESSION)
    assert not first_leap(history([*quiet, 50.0]), SESSION + timedelta(3))


def test_a_plain_step_without_an_adjustment_may_be_a_split() -> None:
    quiet = [100.0, 101.0, 100.0]
    assert has_plain_step(history([*quiet, 50.2]), None)
    assert has_plain_step(history([*quiet, 50.2, 50.0]), SESSION - timedelta(2))
    assert not has_plain_step(history([*quiet, 50.2, 50.0]), SESSION - timedelta(1)), "it is old"
    assert not has_plain_step(history([*quiet, 62.0]), None), "a crash, by no plain ratio"
    assert not has_plain_step(history([*quiet, 50.2], [50.0, 50.5, 50.0, 50.2]), None)
    assert not has_plain_step(history([0.01, 0.02, 0.01, 0.02]), SESSION - timedelta(1))
    assert not has_plain_step(history([100.0]), None)


def test_the_first_leap_among_several_new_bars_is_found_wherever_it_lies() -> None:
    closes = [100.0, 101.0, 50.0, 50.5, 51.0]
    leap = SESSION - timedelta(2)
    assert first_leap(history(closes), SESSION - timedelta(3)) == leap
    assert first_leap(history(closes), leap) == leap
    assert first_leap(history(closes), leap + timedelta(1)) is None, "it is no new one"
    assert first_leap(history([100.0, 50.0, 100.0, 25.0]), SESSION - timedelta(1)) == SESSION
    assert first_leap(history([0.01, 0.02, 0.01, 0.02]), SESSION) is None, "it does so all the time"


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "last bars"])
@pytest.mark.parametrize(
    ("last_bar", "settled", "leaps"),
    [
        (4, 4, True),
        (4, None, True),
        (2, 4, True),
        (2, 3, False),
        (1, None, False),
        (None, None, False),
    ],
)
def test_a_leap_between_two_bars_is_suspected_if_it_is_new_or_provisional(
    last_bar: int | None, settled: int | None, *, leaps: bool, is_whole: bool
) -> None:
    """The days are those before the session; the leap is three days before it."""
    bars = history([100.0, 101.0, 50.0, 50.5, 51.0, 50.0])
    leap, moment = SESSION - timedelta(3), datetime(2026, 11, 10, tzinfo=UTC)
    ago = [None if each is None else SESSION - timedelta(each) for each in (last_bar, settled)]
    lease = Lease(
        *(7, Symbol("A", "US"), 1, ago[0], 0),
        is_first=last_bar is None,
        last_bar=ago[0],
        settled_through=ago[1],
    )
    window = Window(EARLIEST if is_whole else date(2026, 11, 1), SESSION)
    batch = replace(batch_for(lease, bars), window=window)
    noted = Suspicion(7, Reason.LEAP, leap, moment + timedelta(hours=18))
    assert with_leaps(batch, moment).suspected == ((noted,) if leaps else ())


def test_readings_are_a_day_apart_and_then_two_four_and_eight_and_end() -> None:
    waits = [wait_after(times) for times in range(1, MOST_READINGS + 2)]
    assert [each and round(each / timedelta(days=1)) for each in waits] == [
        *(2**n for n in range(MOST_READINGS - 1)),
        None,
        None,
    ]


def end(times: int, session: date = SESSION, *, is_due: bool = True) -> NotedSuspicion:
    return NotedSuspicion(7, Reason.END, session, times, is_due)


def test_a_last_bar_that_is_not_sent_is_confirmed_by_readings_over_a_week() -> None:
    waits = [wait_after(1), *(wait_after(times) for times in range(1, CONFIRMING_READINGS))]
    assert sum((each for each in waits if each), timedelta()) >= timedelta(days=7)
    most = CONFIRMING_READINGS - 1
    assert is_end_confirmed([end(most)], SESSION)
    assert not is_end_confirmed([end(most - 1)], SESSION)
    assert not is_end_confirmed([end(most, is_due=False)], SESSION)
    assert not is_end_confirmed([end(most, SESSION - timedelta(1))], SESSION), "newer ones came"
    assert not is_end_confirmed([NotedSuspicion(7, Reason.UNSENT, SESSION, most)], SESSION)


def answer(closes: list[float], last_bar: date = SESSION, *, is_explained: bool = True) -> Batch:
    """A whole history of an asset with a last bar, which its actions explain or not."""
    lease = Lease(7, Symbol("AAPL", "US"), 1, SESSION, 0, is_first=False, last_bar=last_bar)
    unexplained = AssetFinding(
        rule=ADJUSTED_CLOSE_IS_EXPLAINED, first=SESSION, last=SESSION, count=1
    )
    verdict = Verdict(wants_actions=None, findings=() if is_explained else (unexplained,))
    whole = Window(EARLIEST, SESSION + timedelta(1))
    return replace(batch_for(lease, history(closes)), window=whole, verdict=verdict)


def test_only_a_reading_at_its_time_counts_towards_a_week() -> None:
    moment = datetime(2026, 11, 10, tzinfo=UTC)
    good = answer([100.0, 101.0])
    behind = answer([100.0, 101.0], SESSION + timedelta(1))
    assert behind.is_behind
    (again,) = settled(behind, [end(2)], moment)
    assert (again.is_ended, again.read_after) == (False, moment + timedelta(days=4, hours=-6))
    assert settled(behind, [end(2, is_due=False)], moment) == ()
    (over,) = settled(good, [end(2, is_due=False)], moment)
    assert over.is_ended, "the bar is sent again"
    (left,) = settled(good, [end(2, SESSION + timedelta(1))], moment)
    assert not left.is_ended, "a bar that was last before is still not sent"


@pytest.mark.parametrize("reason", list(Reason))
def test_what_a_comparison_shows_is_confirmed_by_the_readings_of_a_week(reason: Reason) -> None:
    most = CONFIRMING_READINGS - 1
    is_one = reason in {Reason.LOST, Reason.ANOTHER}
    assert confirmed([NotedSuspicion(7, reason, SESSION, most)]) == ({reason} if is_one else set())
    assert confirmed([NotedSuspicion(7, reason, SESSION, most - 1)]) == set()
    assert confirmed([NotedSuspicion(7, reason, SESSION, most, is_due=False)]) == set()


def test_what_a_person_has_accepted_is_what_was_seen_then() -> None:
    moment = datetime(2026, 11, 10, tzinfo=UTC)
    fresh = weighed(answer([7.0, 8.0]), [], moment)
    (raised,) = [each for each in fresh.doubts if each.reason is Reason.ANOTHER]
    accepted = NotedSuspicion(7, Reason.ANOTHER, SESSION, CONFIRMING_READINGS, answer=raised.answer)
    assert Reason.ANOTHER in weighed(answer([7.0, 8.0]), [accepted], moment).confirmed
    assert Reason.ANOTHER not in weighed(answer([7.0, 9.0]), [accepted], moment).confirmed


def test_readings_that_differ_from_each_other_confirm_nothing() -> None:
    moment = datetime(2026, 11, 10, tzinfo=UTC)
    noted = NotedSuspicion(7, Reason.ANOTHER, SESSION, times=CONFIRMING_READINGS - 2)

    def read(noted: NotedSuspicion, *closes: float) -> tuple[NotedSuspicion, bool]:
        batch = weighed(answer([*closes]), [noted], moment)
        (now,) = batch.settled
        again = replace(noted, times=now.times, answer=now.answer)
        return again, Reason.ANOTHER in batch.confirmed

    first, is_confirmed = read(noted, 7.0, 8.0)
    assert (first.times, is_confirmed) == (CONFIRMING_READINGS - 1, False)
    assert read(first, 7.0, 8.0)[1], "the fourth that agrees"
    other, is_confirmed = read(first, 7.0, 9.0)
    assert (other.times, is_confirmed) == (1, False), "another answer is a first one"
    assert other.answer != first.answer


@pytest.mark.parametrize(
    ("reason", "is_explained", "ended"),
    [
        (Reason.OPEN, True, False),
        (Reason.LOST, True, False),
        (Reason.ANOTHER, True, False),
        (Reason.LATE, False, True),
        (Reason.REJECTED, False, True),
        (Reason.UNSENT, False, True),
        (Reason.ACTION, False, True),
        (Reason.CHANGED, False, True),
        (Reason.UNEXPLAINED, False, False),
        (Reason.UNEXPLAINED, True, True),
        (Reason.LEAP, True, False),
    ],
)
def test_an_answer_ends_what_it_answers(reason: Reason, *, is_explained: bool, ended: bool) -> None:
    moment = datetime(2026, 11, 10, tzinfo=UTC)
    noted = NotedSuspicion(7, reason, SESSION, times=1)
    (found,) = settled(answer([100.0, 101.0, 50.0], is_explained=is_explained), [noted], moment)
    assert (found.asset_id, found.reason, found.is_ended) == (7, reason, ended)
    assert found.read_after == moment + timedelta(days=2, hours=-6)


def test_a_rejected_row_is_suspected_until_the_session_has_a_bar() -> None:
    moment = datetime(2026, 11, 10, tzinfo=UTC)
    noted = NotedSuspicion(7, Reason.REJECTED, SESSION + timedelta(1), times=1)
    row = RejectedRow(days(noted.session), "high is the highest", "{}")
    (again,) = settled(replace(answer([100.0]), rejects=(row,)), [noted], moment)
    assert (again.is_ended, again.read_after) == (False, moment + timedelta(days=2, hours=-6))
    elsewhere = replace(row, date=days(SESSION) - 5)
    (over,) = settled(replace(answer([100.0]), rejects=(elsewhere,)), [noted], moment)
    assert over.is_ended
