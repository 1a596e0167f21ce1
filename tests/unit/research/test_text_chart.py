"""A chart as text: what stands in which column and row."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from data_nexus.domain.bars import Bars, days
from data_nexus.research.charts.caption import Basis
from data_nexus.research.charts.chart import ChartHistory, chart_of
from data_nexus.research.charts.text_chart import (
    LEAST_WIDTH,
    Size,
    candles_text,
    comparison_text,
    most_candles,
    round_ticks,
)

BASIS = Basis("raw", datetime(2026, 11, 27, 19, tzinfo=UTC))
MONDAY = days(date(2024, 12, 23))


def history(symbol: str = "A.US") -> ChartHistory:
    """Monday from 10 to 20, up; Tuesday missing; Thursday from 20 to 10, down."""
    opened, closed = np.array([10.0, 20.0]), np.array([20.0, 10.0])
    volume = np.array([1_500_000.0, 0.0])
    high, low = np.array([25.0, 25.0]), np.array([5.0, 5.0])
    dates = np.array([MONDAY, MONDAY + 3], np.int32)
    bars = Bars(dates, opened, high, low, closed, closed, volume)
    sessions = np.array([MONDAY, MONDAY + 1, MONDAY + 3], np.int32)
    return ChartHistory(symbol=symbol, bars=bars, sessions=sessions)


def canvas(text: str) -> list[str]:
    """What stands right of the vertical axis, from the highest row to the lowest."""
    first = text.partition("└")[0].splitlines()
    rows = [line[10:].ljust(30) for line in first if line[9:10] in ("┤", "│")]
    assert len(rows) > 10
    return rows


def test_a_rising_candle_is_light_a_falling_one_dark_and_a_gap_dotted() -> None:
    rows = canvas(candles_text(chart_of([history()], 30), BASIS, Size(LEAST_WIDTH)))
    columns = ["".join(column).strip() for column in zip(*rows, strict=True)]
    rising, gap, falling = columns[5], columns[15], columns[25]
    assert (set(rising), set(gap), set(falling)) == ({"│", "░"}, {"·"}, {"│", "█"})
    assert len(gap) == len(rows)
    # The body is half of the range, in its middle.
    wick = rising.index("░")
    assert (rising, falling) == (rising[::-1], rising.replace("░", "█"))
    assert abs(rising.count("░") - len(rising) / 2) <= 1
    assert wick > 2
    # A body is wider than its wick, and all columns of the screen are used.
    assert [at for at, column in enumerate(columns) if column] == [*range(3, 8), 15, *range(23, 28)]
    assert {columns[at].strip("░") for at in (3, 4, 6, 7)} == {""}


def test_marks_and_volumes_stand_beneath_their_candles() -> None:
    lines = candles_text(chart_of([history()], 30), BASIS, Size(LEAST_WIDTH)).splitlines()
    assert f"      gap {' ' * 15}?" in lines
    top = next(line for line in lines if line.startswith("     1.5M"))
    assert top[10:] == "   █████"


def test_a_comparison_crosses_at_100() -> None:
    text = comparison_text(chart_of([history(), history("B.US")], 30), BASIS, Size(LEAST_WIDTH))
    assert text.splitlines()[0] == "a A.US  b B.US"
    assert "b" in "".join(canvas(text))


def test_as_many_candles_have_room_as_there_are_columns() -> None:
    assert (most_candles(80), most_candles(1)) == (70, LEAST_WIDTH - 10)


@pytest.mark.parametrize("rows", [24, 40])
def test_a_chart_of_one_asset_fits_the_screen_with_its_heading_and_the_next_prompt(
    rows: int,
) -> None:
    text = candles_text(chart_of([history()], 30), BASIS, Size(80, rows))
    assert len(text.splitlines()) == rows - 1


@pytest.mark.parametrize(
    ("low", "high", "log", "labels"),
    [
        (-1.9, 81.2, False, [0, 20, 40, 60, 80]),
        (98.2, 101.7, False, [99, 100, 101]),
        (1.015, 1.11, False, [1.02, 1.04, 1.06, 1.08, 1.1]),
        (0.9, 210.0, True, [1, 3, 10, 30, 100]),
        (95.0, 130.0, True, [100, 110, 120, 130]),
    ],
)
def test_an_axis_is_labelled_with_round_numbers(
    low: float, high: float, *, log: bool, labels: list[float]
) -> None:
    assert round_ticks(low, high, log=log) == pytest.approx(labels)
