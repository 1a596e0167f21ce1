"""Where stored bars and an answer overlap, any difference but a late correction breaks the seam."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from data_nexus.domain.bars import PRICES, Bars
from data_nexus.domain.validation.overlap import Break, overlap_break
from tests.support.postgres.workers import NO_BARS, bars_from

STORED = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.0)
COLUMNS = (*PRICES, "volume")


def changed(bars: Bars, column: str, row: int, by: float) -> Bars:
    values = getattr(bars, column).copy()
    values[row] += by
    return replace(bars, **{column: values})


def test_an_answer_that_continues_what_is_stored_breaks_nothing() -> None:
    longer = bars_from(date(2024, 1, 2), 10.0, 11.0, 12.0, 13.0)
    assert overlap_break(STORED, longer) is None
    assert overlap_break(STORED, longer.take(np.array([1, 2, 3]))) is None
    assert overlap_break(NO_BARS, longer) is None


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "adjusted_close"])
def test_a_raw_value_before_the_last_bar_is_a_restatement(column: str) -> None:
    assert overlap_break(STORED, changed(STORED, column, 1, 0.0001)) is Break.RESTATED


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "adjusted_close"])
def test_a_raw_value_of_the_last_bar_may_be_corrected(column: str) -> None:
    assert overlap_break(STORED, changed(STORED, column, 2, 0.5)) is None


@pytest.mark.parametrize("row", [0, 1, 2])
def test_an_adjusted_close_that_changed_without_its_close_is_a_new_basis(row: int) -> None:
    assert overlap_break(STORED, changed(STORED, "adjusted_close", row, 0.0001)) is Break.REBASED


def test_the_last_bar_s_adjusted_close_follows_its_corrected_close() -> None:
    corrected = changed(changed(STORED, "close", 2, 1.0), "adjusted_close", 2, 0.5)
    assert overlap_break(STORED, corrected) is None


def test_an_answer_without_any_of_the_stored_bars_is_a_break() -> None:
    later = bars_from(date(2024, 1, 5), 13.0)
    assert overlap_break(STORED, later) is Break.WITHDRAWN


def test_the_order_of_the_answer_does_not_matter() -> None:
    backwards = STORED.take(np.array([2, 1, 0]))
    assert overlap_break(STORED, backwards) is None
    assert overlap_break(STORED, changed(backwards, "open", 1, 1.0)) is Break.RESTATED
