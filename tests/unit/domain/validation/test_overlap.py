"""Where stored bars and an answer overlap, any difference but a late correction breaks the seam."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from data_nexus.domain.bars import NO_BARS, PRICES, Bars, days
from data_nexus.domain.validation.overlap import (
    Break,
    Divergence,
    divergence,
    is_of_another,
    overlap_break,
)
from data_nexus.domain.validation.withdrawal import sent_dates
from tests.support.postgres.workers import WINDOW, bars_from

STORED = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.0)
LAST = date(2024, 1, 4)
COLUMNS = (*PRICES, "volume")


def diverged(stored: Bars, answered: Bars) -> Divergence | None:
    sent = sent_dates(WINDOW, answered.date, NO_BARS.date)
    return divergence(stored, answered, sent)


def changed(bars: Bars, column: str, row: int, by: float) -> Bars:
    values = getattr(bars, column).copy()
    values[row] += by
    return replace(bars, **{column: values})


def test_an_answer_that_continues_what_is_stored_breaks_nothing() -> None:
    longer = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.0, 13.0)
    assert overlap_break(STORED, longer, LAST) is None


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "adjusted_close"])
def test_a_raw_value_before_the_last_bar_is_a_restatement(column: str) -> None:
    assert overlap_break(STORED, changed(STORED, column, 1, 0.0001), LAST) is Break.RESTATED


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "adjusted_close"])
def test_a_raw_value_of_the_last_bar_may_be_corrected(column: str) -> None:
    assert overlap_break(STORED, changed(STORED, column, 2, 0.5), LAST) is None


@pytest.mark.parametrize("row", [0, 1, 2])
def test_an_adjusted_close_that_changed_without_its_close_is_a_new_basis(row: int) -> None:
    assert (
        overlap_break(STORED, changed(STORED, "adjusted_close", row, 0.0001), LAST) is Break.REBASED
    )


def test_the_last_bar_s_adjusted_close_follows_its_corrected_close() -> None:
    corrected = changed(changed(STORED, "close", 2, 1.0), "adjusted_close", 2, 0.5)
    assert overlap_break(STORED, corrected, LAST) is None


def test_a_corrected_last_bar_is_no_break_with_a_newer_bar_behind_it() -> None:
    newer = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.5, 13.0)
    assert overlap_break(STORED, newer, LAST) is None


@pytest.mark.parametrize(
    ("kept", "why"),
    [
        ([], "all of the window"),
        ([0, 1], "the last one, up to which the cursor says that there are bars"),
        ([0, 2], "one in the middle"),
        ([1, 2], "the first one"),
    ],
)
def test_stored_bars_that_are_lost_are_a_break(kept: list[int], why: str) -> None:
    stored = STORED.take(np.array(kept, np.intp))
    longer = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.0, 13.0)
    assert overlap_break(stored, longer, LAST) is Break.MISSING, why


def test_bars_after_the_last_stored_one_are_news_and_no_break() -> None:
    """Also where days lie between: a name that seldom trades."""
    later = bars_from(date(2024, 3, 1), 13.0)
    answer = STORED, later
    columns = zip(*(bars.columns() for bars in answer), strict=True)
    joined = Bars(*(np.concatenate(pair) for pair in columns))
    assert overlap_break(STORED, joined, LAST) is None


def test_an_empty_answer_for_a_window_with_stored_bars_is_a_break() -> None:
    assert overlap_break(STORED, NO_BARS, LAST) is Break.WITHDRAWN


def test_an_answer_without_any_of_the_stored_bars_is_a_break() -> None:
    later = bars_from(date(2024, 1, 5), 13.0)
    assert overlap_break(STORED, later, LAST) is Break.WITHDRAWN


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_stored_bar_that_is_not_sent_any_more_is_a_break(row: int) -> None:
    longer = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.0, 13.0)
    lacking = longer.take(np.array([each for each in range(4) if each != row]))
    assert overlap_break(STORED, lacking, LAST) is Break.WITHDRAWN
    rejected = longer.date[[row]]
    assert overlap_break(STORED, lacking, LAST, rejected) is None, "it was sent"


def test_the_order_of_the_answer_does_not_matter() -> None:
    backwards = STORED.take(np.array([2, 1, 0]))
    assert overlap_break(STORED, backwards, LAST) is None
    assert overlap_break(STORED, changed(backwards, "open", 1, 1.0), LAST) is Break.RESTATED


def test_equal_histories_do_not_diverge_whatever_comes_after_them() -> None:
    longer = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.0, 13.0)
    assert diverged(STORED, longer) is None
    assert diverged(STORED, changed(longer, "close", 2, 1.0)) is None, "the last may be corrected"
    assert diverged(NO_BARS, longer) is None


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_that_was_changed_by_hand_diverges(column: str) -> None:
    assert diverged(changed(STORED, column, 1, 0.01), STORED) == Divergence(0, 1, 0)


def test_missing_and_withdrawn_bars_are_counted_apart() -> None:
    found = diverged(STORED.take(np.array([0, 2])), STORED.take(np.array([1, 2])))
    assert found == Divergence(missing=1, changed=0, withdrawn=1)
    assert found.is_mended_by_reading


def test_bars_whose_withdrawal_is_doubted_diverge_and_are_not_mended() -> None:
    stored = bars_from(date(2024, 1, 2), *(float(n) for n in range(1, 9)))
    found = diverged(stored, stored.take(np.arange(4)))
    assert found == Divergence(missing=0, changed=0, withdrawn=0, doubted=4)
    assert not found.is_mended_by_reading


def walk(seed: int, days: int = 60, step: float = 0.02) -> list[float]:
    """Closes that move by chance."""
    steps = np.random.default_rng(seed).normal(0, step, days)
    return [float(each) for each in 50 * np.exp(np.cumsum(steps))]


def test_closes_that_move_otherwise_are_of_another_asset() -> None:
    own, other = walk(1), walk(2)
    stored = bars_from(date(2024, 1, 2), *own)
    assert is_of_another(stored, bars_from(date(2024, 1, 2), *other))
    assert not is_of_another(stored, stored)
    scaled = [each * 13 for each in other]
    assert is_of_another(stored, bars_from(date(2024, 1, 2), *scaled)), "whatever its price"


def test_closes_of_which_a_part_moves_otherwise_are_of_another_asset() -> None:
    """An answer that a proxy has put together of two."""
    own, other = walk(1, 200), walk(2, 200)
    stored = bars_from(date(2024, 1, 2), *own)
    for first in (0, 60, 160):
        mixed = [*own[:first], *other[first : first + 40], *own[first + 40 :]]
        assert is_of_another(stored, bars_from(date(2024, 1, 2), *mixed)), first
    few = [*own[:60], *other[60:70], *own[70:]]
    assert not is_of_another(stored, bars_from(date(2024, 1, 2), *few)), "restated for two weeks"


def test_a_past_that_a_young_asset_never_had_is_of_another() -> None:
    first = date(2024, 1, 2)
    other = bars_from(first, *walk(2, 60))
    young = other.take(slice(52, None))
    young = replace(young, close=young.close * 3 + 1)
    assert is_of_another(young, other)
    assert not is_of_another(young, other, [(days(first), days(first) + 200)]), "it was lost"
    assert not is_of_another(young, other.take(slice(45, None))), "a few days"


def test_what_is_rebased_corrected_or_too_short_is_not_of_another() -> None:
    own = walk(1)
    stored = bars_from(date(2024, 1, 2), *own)
    rebased = [each / (4 if at < 20 else 2 if at < 45 else 1) for at, each in enumerate(own)]
    assert not is_of_another(stored, bars_from(date(2024, 1, 2), *rebased))
    corrected = [each * (1.1 if at % 5 == 0 else 1) for at, each in enumerate(own)]
    assert not is_of_another(stored, bars_from(date(2024, 1, 2), *corrected)), "one in five"
    few = bars_from(date(2024, 1, 2), *walk(2, 9))
    assert not is_of_another(bars_from(date(2024, 1, 2), *own[:9]), few)
    assert not is_of_another(stored, bars_from(date(2020, 1, 2), *own)), "no common day"
