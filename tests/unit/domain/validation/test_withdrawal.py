"""A bar that is sent no more was withdrawn, unless its answer looks partial."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.adjustment.findings import FINDING_RULES
from data_nexus.domain.bars import NO_DATE, NO_ROW, Days, days
from data_nexus.domain.calendar.window import EARLIEST, Window
from data_nexus.domain.validation.withdrawal import (
    A_FEW,
    PLAN_DAYS,
    PLAN_SLACK_DAYS,
    SMALL_SHARE,
    SentDates,
    WithdrawalDoubt,
    doubt,
    lack_finding,
    sent_dates,
)

LAST = date(2026, 1, 5)
WINDOW = Window(EARLIEST, LAST)
# Far from the year that a plan may show.
FIRST = days(date(2015, 1, 2))
NOTHING = np.empty(0, np.int32)


def history(length: int, first: int = FIRST) -> Days:
    return np.arange(first, first + length, dtype=np.int32)


def found(stored: Days, sent: Days, **facts: object) -> WithdrawalDoubt | None:
    """The doubt about all that an answer with these dates lacks."""
    answer = SentDates(WINDOW, sent, **facts)  # type: ignore[arg-type]
    lacking = answer.lacking(stored)
    assert len(lacking), "nothing is lacking"
    return doubt(stored, lacking, answer, is_confirmed=True)


@pytest.mark.parametrize("gone", [[0], [4], [9], [0, 1, 2], [7, 8, 9], [0, 5, 9]], ids=str)
def test_a_few_bars_are_withdrawn_wherever_they_lie(gone: list[int]) -> None:
    stored = history(10)
    assert found(stored, np.delete(stored, gone)) is None


@pytest.mark.parametrize("gone", [[9], [7, 8, 9], [0, 9], [3, 9]], ids=str)
def test_last_bars_stay_until_earlier_answers_lacked_them_too(gone: list[int]) -> None:
    """A copy of the vendor that is behind lacks the last bars of every asset."""
    stored = history(10)
    answer = SentDates(WINDOW, np.delete(stored, gone))
    lacking = answer.lacking(stored)
    assert doubt(stored, lacking, answer, is_confirmed=False) is WithdrawalDoubt.BEHIND
    assert doubt(stored, lacking, answer, is_confirmed=True) is None


@pytest.mark.parametrize("gone", [[0], [4], [4, 8]], ids=str)
def test_a_bar_that_later_ones_follow_is_withdrawn_at_once(gone: list[int]) -> None:
    stored = history(10)
    for sent in (np.delete(stored, gone), np.append(np.delete(stored, [*gone, 9]), stored[9] + 1)):
        answer = SentDates(WINDOW, sent)
        assert doubt(stored, answer.lacking(stored), answer, is_confirmed=False) is None


def test_more_than_a_few_last_bars_stay_whatever_was_answered_before() -> None:
    stored = history(3000)
    answer = SentDates(WINDOW, stored[: -A_FEW - 1])
    lacking = answer.lacking(stored)
    assert doubt(stored, lacking, answer, is_confirmed=False) is WithdrawalDoubt.CUT_AFTER


def test_a_small_share_is_withdrawn_and_one_bar_more_is_not() -> None:
    stored = history(1000)
    most = int(SMALL_SHARE * len(stored))
    gone = np.arange(100, 100 + 20 * most, 20)
    assert found(stored, np.delete(stored, gone)) is None
    assert found(stored, np.delete(stored, [*gone, 900])) is WithdrawalDoubt.MANY
    short = history(100)
    assert found(short, np.delete(short, np.arange(10, 10 + A_FEW))) is None
    assert found(short, np.delete(short, np.arange(10, 11 + A_FEW))) is WithdrawalDoubt.MANY


def test_an_answer_that_lacks_more_than_a_few_bars_at_an_end_is_cut() -> None:
    """However small their share is: so it is also with an asset whose past was split off."""
    stored = history(3000)
    assert found(stored, stored[A_FEW:]) is None
    assert found(stored, stored[A_FEW + 1 :]) is WithdrawalDoubt.CUT_BEFORE
    assert found(stored, stored[:-A_FEW]) is None
    assert found(stored, stored[: -A_FEW - 1]) is WithdrawalDoubt.CUT_AFTER


@pytest.mark.parametrize(
    ("off", "is_plan"),
    [
        (-PLAN_SLACK_DAYS - 1, False),
        (-PLAN_SLACK_DAYS, True),
        (PLAN_SLACK_DAYS, True),
        (PLAN_SLACK_DAYS + 1, False),
    ],
)
def test_an_answer_that_begins_a_year_ago_is_of_a_plan_that_shows_no_more(
    off: int, *, is_plan: bool
) -> None:
    begin = days(LAST - timedelta(PLAN_DAYS)) + off
    stored = history(300, begin - 1)
    assert found(stored, stored[1:]) is (WithdrawalDoubt.PLAN if is_plan else None)


def test_a_notice_with_an_answer_makes_a_later_begin_the_plan_s() -> None:
    stored = history(10)
    assert found(stored, stored[1:], has_notice=True) is WithdrawalDoubt.PLAN
    assert found(stored, stored[:-1], has_notice=True) is None


def test_a_row_without_a_date_may_be_the_bar_that_is_lacking() -> None:
    stored = history(10)
    assert found(stored, stored[1:], undated=1) is WithdrawalDoubt.UNDATED


def test_an_answer_with_none_of_the_stored_bars_withdraws_nothing() -> None:
    stored = history(2)
    assert found(stored, stored + 10) is WithdrawalDoubt.MANY


def test_what_lies_before_the_window_is_not_lacking_and_a_day_to_come_is() -> None:
    stored = history(3, days(LAST) - 1)
    later = Window(LAST, LAST)
    assert SentDates(later, NOTHING).lacking(stored).tolist() == stored[1:].tolist()


def test_a_bar_of_a_day_to_come_is_withdrawn_at_once() -> None:
    """No answer ever held it."""
    stored = np.append(history(30), days(LAST) + 200)
    answer = SentDates(WINDOW, history(30))
    lacking = answer.lacking(stored)
    assert lacking.tolist() == [days(LAST) + 200]
    assert doubt(stored, lacking, answer, is_confirmed=False) is None


def test_an_answer_ends_before_a_day_of_its_window_that_is_later_than_its_rows() -> None:
    answer = SentDates(WINDOW, history(3))
    assert answer.ends_before(FIRST + 3)
    assert not answer.ends_before(FIRST + 2)
    assert not answer.ends_before(days(LAST) + 1)
    assert SentDates(WINDOW, NOTHING).ends_before(FIRST)


def test_a_rejected_row_was_sent_and_one_without_a_date_is_counted() -> None:
    rejected = np.array([FIRST + 1, NO_DATE, NO_ROW], np.int32)
    sent = sent_dates(WINDOW, np.array([FIRST], np.int32), rejected)
    assert (sent.dates.tolist(), sent.undated) == ([FIRST, FIRST + 1], 2)
    assert sent.lacking(history(3)).tolist() == [FIRST + 2]


def test_bars_that_stay_are_a_finding_with_their_reason() -> None:
    lacking = history(4)
    each = lack_finding(lacking, WithdrawalDoubt.CUT_BEFORE)
    assert each.rule in FINDING_RULES
    assert (each.first, each.last, each.count) == (date(2015, 1, 2), date(2015, 1, 5), 4)
    assert each.detail == "all before a date are lacking"


@given(st.sets(st.integers(0, 60), min_size=1), st.sets(st.integers(0, 60)))
def test_never_more_than_a_few_or_a_small_share_are_withdrawn(
    stored: set[int], sent: set[int]
) -> None:
    held, answered = (np.array(sorted(each), np.int32) + FIRST for each in (stored, sent))
    answer = SentDates(WINDOW, answered)
    lacking = answer.lacking(held)
    assert {*lacking.tolist()} == {*held.tolist()} - {*answered.tolist()}
    if len(lacking) and doubt(held, lacking, answer, is_confirmed=True) is None:
        assert len(lacking) <= A_FEW
        assert len(lacking) < len(held)
