"""What a chart shows: candles, gaps, marks and ticks, each against an answer worked out by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars, days
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError
from data_nexus.research.charts.chart import (
    MOST_ASSETS,
    BarNote,
    Chart,
    ChartHistory,
    Gap,
    Mark,
    chart_of,
    price_bounds,
    rebased,
    spaced,
    ticks,
)

# The week of Christmas 2024: New York is shut on Wednesday the 25th.
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2024, 12, day) for day in range(23, 28))
NEXT_MONDAY = date(2024, 12, 30)


def history(
    *held: date, sessions: tuple[date, ...] | None = None, symbol: str = "A.US", **facts: object
) -> ChartHistory:
    """An asset whose nth bar is n, n + 2, n - 1, n + 1 with a volume of 10 n, from n = 1."""
    n = np.arange(1.0, len(held) + 1)
    bars = Bars(_days(held), n, n + 2, n - 1, n + 1, n + 1, n * 10)
    expected = _days(held if sessions is None else sessions)
    return ChartHistory(symbol=symbol, bars=bars, sessions=expected, **facts)  # type: ignore[arg-type]


def _days(dates: tuple[date, ...]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array([days(day) for day in dates], np.int32)


def shown(chart: Chart) -> list[date]:
    return [day_date(int(day)) for day in chart.days]


def test_a_session_without_a_bar_is_a_gap_and_a_holiday_is_not() -> None:
    sessions = sessions_of("US", FRIDAY).between(MONDAY, NEXT_MONDAY)
    held = (MONDAY, TUESDAY, FRIDAY, NEXT_MONDAY)
    expected = tuple(day_date(int(day)) for day in sessions)
    chart = chart_of([history(*held, sessions=expected)], most=10)
    assert shown(chart) == [MONDAY, TUESDAY, THURSDAY, FRIDAY, NEXT_MONDAY]
    (panel,) = chart.panels
    assert panel.gaps == (Gap(place=2, missing=1, expected=1),)
    assert panel.candles.place.tolist() == [0, 1, 3, 4]


def test_sessions_after_the_last_bar_are_gaps_too() -> None:
    chart = chart_of([history(MONDAY, sessions=(MONDAY, TUESDAY, THURSDAY))], most=10)
    assert [gap.place for gap in chart.panels[0].gaps] == [1, 2]


def test_a_bar_on_no_session_has_a_place() -> None:
    chart = chart_of([history(TUESDAY, WEDNESDAY, sessions=(TUESDAY, THURSDAY))], most=10)
    assert shown(chart) == [TUESDAY, WEDNESDAY, THURSDAY]
    assert chart.panels[0].gaps == (Gap(2, 1, 1),)


@pytest.mark.parametrize(
    ("most", "notes"),
    [
        (
            10,
            {
                *(BarNote(0, "revised", 1), BarNote(3, "revised", 1)),
                *(BarNote(2, "provisional", 1), BarNote(3, "provisional", 1)),
            },
        ),
        (
            2,
            {
                *(BarNote(0, "provisional", 1), BarNote(1, "provisional", 1)),
                *(BarNote(0, "revised", 1), BarNote(1, "revised", 1)),
            },
        ),
    ],
)
def test_provisional_and_revised_bars_are_noted_at_their_places(
    most: int, notes: set[BarNote]
) -> None:
    """A revised one that is no longer there is none."""
    revised = _days((MONDAY, THURSDAY, NEXT_MONDAY))
    held = (MONDAY, TUESDAY, FRIDAY, NEXT_MONDAY)
    drawn = history(*held, settled_through=TUESDAY, revised=revised)
    (panel,) = chart_of([drawn], most=most).panels
    assert {*panel.notes} == notes
    assert (panel.noted("provisional"), panel.noted("revised")) == (2, 2)


def test_without_a_day_through_which_it_is_settled_nothing_is_provisional() -> None:
    assert chart_of([history(MONDAY, TUESDAY)], most=10).panels[0].notes == ()


def test_a_week_is_the_first_open_the_last_close_the_extremes_and_the_sum() -> None:
    held = (MONDAY, TUESDAY, FRIDAY, NEXT_MONDAY)
    sessions = (MONDAY, TUESDAY, THURSDAY, FRIDAY, NEXT_MONDAY)
    chart = chart_of([history(*held, sessions=sessions)], most=4)
    assert (chart.period, shown(chart)) == ("weekly", [MONDAY, NEXT_MONDAY])
    candles = chart.panels[0].candles
    assert [day_date(int(day)) for day in candles.first] == [MONDAY, NEXT_MONDAY]
    assert [day_date(int(day)) for day in candles.last] == [FRIDAY, NEXT_MONDAY]
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    assert [column.tolist() for column in columns] == [[1, 4], [5, 6], [0, 3], [4, 5], [60, 40]]
    assert chart.panels[0].gaps == (Gap(place=0, missing=1, expected=4),)


def test_a_week_ends_with_its_sunday() -> None:
    sunday = date(2024, 12, 29)
    chart = chart_of([history(MONDAY, FRIDAY, sunday, NEXT_MONDAY)], most=3)
    assert (chart.period, shown(chart)) == ("weekly", [MONDAY, NEXT_MONDAY])
    assert day_date(int(chart.panels[0].candles.last[0])) == sunday


@pytest.mark.parametrize(
    ("most", "period", "places"),
    [
        (600, "daily", 522),
        (521, "weekly", 105),
        (104, "monthly", 24),
        (23, "quarterly", 8),
        (7, "yearly", 2),
        (1, "yearly", 2),
    ],
)
def test_candles_widen_until_they_have_room(most: int, period: str, places: int) -> None:
    first, last = days(date(2023, 1, 2)), days(date(2024, 12, 31))
    all_days = np.arange(first, last + 1)
    weekdays = tuple(day_date(int(day)) for day in all_days if (day + 3) % 7 < 5)
    chart = chart_of([history(*weekdays)], most)
    assert (chart.period, len(chart.days)) == (period, places)
    assert chart.panels[0].candles.volume.sum() == sum(range(1, 523)) * 10


def test_a_split_stands_at_its_ex_date_and_says_its_ratio() -> None:
    split = Split(TUESDAY, 4, 1)
    chart = chart_of([history(MONDAY, TUESDAY, splits=(split,))], most=10)
    assert chart.panels[0].marks == (Mark(1, "split", TUESDAY, "4:1"),)


def test_an_action_on_a_holiday_stands_at_the_next_session() -> None:
    paid = Dividend(date=WEDNESDAY, value=0.25, unadjusted_value=0.5, currency="USD")
    asset = history(TUESDAY, THURSDAY, dividends=(paid,), currency="USD")
    assert chart_of([asset], most=10).panels[0].marks == (Mark(1, "dividend", WEDNESDAY, "0.5"),)


def test_actions_outside_of_what_is_shown_have_no_mark() -> None:
    splits = (Split(MONDAY, 2, 1), Split(FRIDAY, 2, 1))
    assert chart_of([history(TUESDAY, THURSDAY, splits=splits)], most=10).panels[0].marks == ()


def test_a_dividend_in_another_currency_names_it() -> None:
    paid = Dividend(date=TUESDAY, value=0.5, currency="EUR")
    asset = history(MONDAY, TUESDAY, dividends=(paid,), currency="USD")
    assert chart_of([asset], most=10).panels[0].marks[0].text == "0.5 EUR"


def test_several_dividends_at_one_place_are_named_or_added_up() -> None:
    held = (MONDAY, TUESDAY, THURSDAY, FRIDAY, NEXT_MONDAY)
    paid = tuple(Dividend(date=day, value=0.25) for day in held)
    two = chart_of([history(*held, dividends=paid[2:4])], most=4).panels[0].marks
    assert two == (Mark(0, "dividend", THURSDAY, "0.25 + 0.25"),)
    four = chart_of([history(*held, dividends=paid)], most=4).panels[0].marks
    assert four == (
        Mark(0, "dividend", MONDAY, "1 (4 paid)"),
        Mark(1, "dividend", NEXT_MONDAY, "0.25"),
    )


def test_assets_of_different_calendars_share_one_axis_and_not_their_gaps() -> None:
    york = history(TUESDAY, THURSDAY)
    other = history(TUESDAY, WEDNESDAY, symbol="B.LSE")
    chart = chart_of([york, other], most=10)
    assert shown(chart) == [TUESDAY, WEDNESDAY, THURSDAY]
    assert [panel.gaps for panel in chart.panels] == [(), ()]


def test_a_comparison_begins_where_all_have_a_bar() -> None:
    early, late = history(MONDAY, TUESDAY, THURSDAY), history(TUESDAY, THURSDAY, symbol="B.US")
    first, second = rebased(chart_of([early, late], most=10))
    assert (first.place.tolist(), first.value.tolist()) == ([1, 2], [100, pytest.approx(400 / 3)])
    assert (second.symbol, second.value.tolist()) == ("B.US", [100, 150])


def test_assets_that_never_meet_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match=r"A\.US, B\.US have no bar in common"):
        rebased(chart_of([history(MONDAY), history(TUESDAY, symbol="B.US")], most=10))


def test_more_assets_than_have_room_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 8 symbols, not 9"):
        chart_of([history(MONDAY)] * (MOST_ASSETS + 1), most=10)


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (5, [(0, "2024-12-23"), (1, "2024-12-24"), (2, "2024-12-27"), (3, "2024-12-30")]),
        (3, [(0, "2024-12-23"), (3, "2024-12-30")]),
        (1, [(0, "2024-12")]),
    ],
)
def test_ticks_stand_where_a_day_a_week_or_a_month_begins(
    most: int, labels: list[tuple[int, str]]
) -> None:
    assert ticks(_days((MONDAY, TUESDAY, FRIDAY, NEXT_MONDAY)), most) == labels


def test_a_first_tick_without_room_before_the_second_goes() -> None:
    places = _days((date(2023, 12, 29), *(date(2024, month, 1) for month in range(1, 13))))
    assert ticks(places, 6)[0] == (1, "2024-01")


def test_texts_keep_their_distance_and_splits_come_first() -> None:
    marks = [
        Mark(10, "dividend", MONDAY, "0.24"),
        Mark(15, "dividend", TUESDAY, "0.24"),
        Mark(16, "split", THURSDAY, "4:1"),
        Mark(21, "dividend", FRIDAY, "0.24"),
    ]
    assert spaced(marks, 1.0, 40) == dict.fromkeys((marks[2], marks[0], marks[3]), "center")
    # 19.5 to 20.5 is a letter's room: a little more to the left, and there is none.
    closer = Mark(20, "dividend", FRIDAY, "0.24")
    assert [*spaced([*marks[:3], closer], 1.0, 40)] == [marks[2], marks[0]]


def test_texts_at_the_ends_turn_inward() -> None:
    marks = [Mark(place, "dividend", MONDAY, "0.24") for place in (1, 2, 20, 37, 38)]
    sides = spaced(marks[:1] + marks[2:3] + marks[4:], 1.0, 40)
    assert [*sides.values()] == ["right", "center", "left"]
    assert spaced(marks[1:4], 1.0, 40) == dict.fromkeys(marks[1:4], "center")


def test_an_axis_leaves_room_and_a_logarithmic_one_refuses_0() -> None:
    low, high = np.array([10.0, 20.0]), np.array([30.0, 110.0])
    assert price_bounds(low, high, log=False) == (6.0, 114.0)
    below, above = price_bounds(low, high, log=True)
    assert below < 10
    assert below * above == pytest.approx(10 * 110)
    for none in (0.0, -0.45):
        with pytest.raises(UsageError, match=f"a price of {none:g}; leave out --log"):
            price_bounds(np.array([none]), high, log=True)


def test_an_axis_of_prices_below_zero_leaves_room_on_both_sides() -> None:
    flat = np.array([-0.5])
    assert price_bounds(flat, flat, log=False) == pytest.approx((-0.52, -0.48))
    assert price_bounds(flat, -flat, log=False) == pytest.approx((-0.54, 0.54))
