"""Stored bars become views: the answers are computed by hand, from what an owner of shares has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.errors import AdjustmentRefused, UsageError
from data_nexus.research.returns import view_returns
from data_nexus.research.views import Adjust, Direction, View, view_bars, whole_histories
from tests.support.postgres.stored import actions_of, dividend, split, stored_bars

MONDAY = dt.date(2023, 1, 2)
# Two weeks with a holiday: Monday to Friday, no second Monday, Tuesday to Friday.
SESSIONS = [MONDAY + dt.timedelta(n) for n in (0, 1, 2, 3, 4, 8, 9, 10, 11)]
HOLIDAY = MONDAY + dt.timedelta(7)
CLOSES = [100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0, 170.0, 180.0]
NO_ACTIONS = actions_of()


def bars(**facts: Any) -> pa.Table:  # noqa: ANN401
    return stored_bars({"A.US": dict(zip(SESSIONS, CLOSES, strict=True))}, **facts)


def factors_shown(*actions: dict[str, Any], **view: Any) -> list[float]:  # noqa: ANN401
    """What a view multiplies each close by; open, high and low must have the same factor."""
    table = view_bars(bars(), actions_of(*actions), View(**view))
    found = [close / raw for close, raw in zip(table["close"].to_pylist(), CLOSES, strict=True)]
    for name, distance in (("open", -1), ("high", 2), ("low", -1)):
        assert table[name].to_pylist() == pytest.approx(
            [(raw + distance) * factor for raw, factor in zip(CLOSES, found, strict=True)]
        )
    return found


TUESDAY, WEDNESDAY, THURSDAY = SESSIONS[1], SESSIONS[2], SESSIONS[3]
# The actions, the view, and by hand what the closes before and from each ex-date on are worth.
BY_HAND: dict[str, tuple[list[dict[str, Any]], str, Sequence[float]]] = {
    "four for one": ([split(THURSDAY, 4, 1)], "splits", [1 / 4] * 3 + [1] * 6),
    "one for ten": ([split(SESSIONS[6], 1, 10)], "splits", [10] * 6 + [1] * 3),
    "a dividend of 10 % of the close before": (
        [dividend(WEDNESDAY, 11)],
        "total",
        [0.9] * 2 + [1] * 7,
    ),
    "a special dividend of 30 %": ([dividend(THURSDAY, 36)], "total", [0.7] * 3 + [1] * 6),
    "a dividend in the view of splits": ([dividend(THURSDAY, 36)], "splits", [1] * 9),
    "a split and a dividend on one day": (
        [split(THURSDAY, 4, 1), dividend(THURSDAY, 12)],
        "total",
        [0.9 / 4] * 3 + [1] * 6,
    ),
    "a split on a holiday": ([split(HOLIDAY, 2, 1)], "splits", [1 / 2] * 5 + [1] * 4),
    "a dividend on a holiday": ([dividend(HOLIDAY, 14)], "total", [0.9] * 5 + [1] * 4),
    "a split, later a dividend": (
        [split(TUESDAY, 2, 1), dividend(THURSDAY, 12)],
        "total",
        [0.9 / 2] + [0.9] * 2 + [1] * 6,
    ),
    "an ex-date after the last bar": ([split(dt.date(2023, 1, 16), 2, 1)], "splits", [1] * 9),
    "an ex-date on the first bar": ([split(MONDAY, 2, 1)], "splits", [1] * 9),
}


@pytest.mark.parametrize(("actions", "adjust", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_backward_the_last_bar_stays_and_what_lies_before_an_ex_date_is_scaled(
    actions: list[dict[str, Any]], adjust: str, expected: Sequence[float]
) -> None:
    found = factors_shown(*actions, adjust=adjust)
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("actions", "adjust", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_forward_the_first_bar_stays_and_what_follows_an_ex_date_is_scaled(
    actions: list[dict[str, Any]], adjust: str, expected: Sequence[float]
) -> None:
    found = factors_shown(*actions, adjust=adjust, direction="forward")
    assert found == pytest.approx([factor / expected[0] for factor in expected], rel=1e-14)


def test_raw_is_what_was_sent_whatever_the_actions() -> None:
    told = actions_of(split(THURSDAY, 4, 1), dividend(WEDNESDAY, 11))
    assert view_bars(bars(), told, View()).equals(bars().drop(["asset_id"]))


def test_the_vendor_s_view_has_his_adjusted_close_and_the_others_by_its_ratio() -> None:
    sent = [close * 0.25 for close in CLOSES[:3]] + CLOSES[3:]
    table = view_bars(bars(adjusted=sent), NO_ACTIONS, View(adjust="vendor"))
    assert table["close"].to_pylist() == sent
    assert table["high"].to_pylist()[:2] == [102 * 0.25, 112 * 0.25]
    forward = View(adjust="vendor", direction="forward")
    assert view_bars(bars(adjusted=sent), NO_ACTIONS, forward)["close"].to_pylist() == [
        *CLOSES[:3],
        *(close * 4 for close in CLOSES[3:]),
    ]


def months(volume_before: float, volume_after: float) -> tuple[pa.Table, dt.date]:
    """Forty bars around a split of 4 for 1, and its ex-date."""
    dates = [MONDAY + dt.timedelta(n) for n in range(40)]
    closes = dict.fromkeys(dates[:20], 400.0) | dict.fromkeys(dates[20:], 100.0)
    volumes = [volume_before] * 20 + [volume_after] * 20
    return stored_bars({"A.US": closes}, volumes=volumes), dates[20]


# What was sent before and after the split, the view, what is shown before and after.
VOLUMES = {
    "split-adjusted, raw": ((4000, 4000), {"adjust": "raw"}, (1000, 4000)),
    "split-adjusted, splits": ((4000, 4000), {"adjust": "splits"}, (4000, 4000)),
    "split-adjusted, total": ((4000, 4000), {"adjust": "total"}, (4000, 4000)),
    "split-adjusted, vendor": ((4000, 4000), {"adjust": "vendor"}, (4000, 4000)),
    "split-adjusted, forward": (
        (4000, 4000),
        {"adjust": "splits", "direction": "forward"},
        (1000, 1000),
    ),
    "as traded, raw": ((1000, 4000), {"adjust": "raw"}, (1000, 4000)),
    "as traded, splits": ((1000, 4000), {"adjust": "splits"}, (4000, 4000)),
    "as traded, forward": (
        (1000, 4000),
        {"adjust": "total", "direction": "forward"},
        (1000, 1000),
    ),
    "nobody can tell, raw": ((2000, 4000), {"adjust": "raw"}, (2000, 4000)),
    "nobody can tell, splits": ((2000, 4000), {"adjust": "splits"}, (2000, 4000)),
}


@pytest.mark.parametrize(("sent", "view", "shown"), VOLUMES.values(), ids=VOLUMES)
def test_volumes_are_scaled_where_the_split_proves_what_they_are_counted_in(
    sent: tuple[float, float], view: dict[str, str], shown: tuple[float, float]
) -> None:
    stored, ex_date = months(*map(float, sent))
    table = view_bars(stored, actions_of(split(ex_date, 4, 1)), View(**view))  # type: ignore[arg-type]
    assert table["volume"].to_pylist() == [shown[0]] * 20 + [shown[1]] * 20


@pytest.mark.parametrize("adjust", ["raw", "splits", "vendor"])
@pytest.mark.parametrize(
    ("sent", "basis"),
    [((4000, 4000), "split-adjusted"), ((1000, 4000), "as traded"), ((2000, 4000), "unknown")],
)
def test_what_volumes_are_counted_in_is_told_on_request(
    sent: tuple[float, float], basis: str, adjust: Adjust
) -> None:
    """Of the whole asset, however short the window is; where nothing was split, it is all one."""
    stored, ex_date = months(*map(float, sent))
    other = stored_bars({"A.US": {}, "B.US": {ex_date: 1.0}})
    told = actions_of(split(ex_date, 4, 1))
    view = View(adjust=adjust, first=ex_date, columns=["volume_basis"])
    assert whole_histories(told, view) == {1}
    table = view_bars(pa.concat_tables([stored, other]), told, view)
    assert table["volume_basis"].to_pylist() == [basis] * 20 + [None]
    with pytest.raises(UsageError, match="layout='wide' has no column for volume_basis"):
        view_bars(stored, told, View(columns=["volume_basis"], layout="wide"))


REFUSED = {
    "another currency": (
        dividend(THURSDAY, 12, "CAD"),
        "total",
        "a dividend in CAD for bars in USD",
    ),
    "more than the price": (dividend(THURSDAY, 120), "total", "a dividend of 120 against 120"),
    "no ratio": (split(THURSDAY, 0, 1), "splits", "a split of 0 for 1"),
}


@pytest.mark.parametrize(("action", "adjust", "reason"), REFUSED.values(), ids=REFUSED)
def test_an_action_that_cannot_be_applied_is_refused_with_day_reason_and_remedy(
    action: dict[str, Any], adjust: str, reason: str
) -> None:
    with pytest.raises(AdjustmentRefused) as refused:
        factors_shown(action, adjust=adjust)
    assert f"A.US, 2023-01-05: {reason}" in str(refused.value)
    assert "use adjust='vendor'" in str(refused.value)
    assert refused.value.tickers == ("A.US",)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("direction", "first", "last", "is_refused"),
    [
        *[("backward", THURSDAY, None, False), ("backward", WEDNESDAY, None, True)],
        *[("forward", None, WEDNESDAY, False), ("forward", None, THURSDAY, True)],
        *[("backward", None, TUESDAY, True), ("forward", SESSIONS[5], None, True)],
    ],
)
def test_only_an_action_that_touches_what_is_shown_is_refused(
    direction: str, first: dt.date | None, last: dt.date | None, *, is_refused: bool
) -> None:
    told = actions_of(dividend(THURSDAY, 12, "CAD"))
    view = View(adjust="total", direction=direction, first=first, last=last)  # type: ignore[arg-type]
    if is_refused:
        with pytest.raises(AdjustmentRefused):
            view_bars(bars(), told, view)
    else:
        shown = [c for d, c in zip(SESSIONS, CLOSES, strict=True) if view_holds(view, d)]
        assert view_bars(bars(), told, view)["close"].to_pylist() == shown


def view_holds(view: View, day: dt.date) -> bool:
    return (view.first is None or day >= view.first) and (view.last is None or day <= view.last)


def test_a_dividend_in_another_currency_does_not_touch_the_view_of_splits() -> None:
    assert factors_shown(dividend(THURSDAY, 12, "CAD"), adjust="splits") == [1.0] * 9


@given(
    ends=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    adjust=st.sampled_from(["raw", "splits", "total", "vendor"]),
    direction=st.sampled_from(["backward", "forward"]),
)
def test_a_bar_is_the_same_in_every_window(
    ends: tuple[int, int],
    adjust: Adjust,
    direction: Direction,
) -> None:
    first, last = SESSIONS[min(ends)], SESSIONS[max(ends)]
    told = actions_of(split(THURSDAY, 3, 1), dividend(HOLIDAY, 7), dividend(WEDNESDAY, 5))
    sent = [close * 0.5 for close in CLOSES[:4]] + CLOSES[4:]
    whole = view_bars(bars(adjusted=sent), told, View(adjust=adjust, direction=direction))
    part = View(adjust=adjust, direction=direction, first=first, last=last)
    expected = whole.slice(min(ends), max(ends) - min(ends) + 1)
    assert view_bars(bars(adjusted=sent), told, part).to_pylist() == expected.to_pylist()


def test_two_assets_are_adjusted_each_by_its_own_actions() -> None:
    closes = {"A.US": {MONDAY: 40.0, TUESDAY: 10.0}, "B.US": {MONDAY: 40.0, TUESDAY: 20.0}}
    told = actions_of(split(TUESDAY, 4, 1), split(TUESDAY, 2, 1, asset_id=2, ticker="B.US"))
    table = view_bars(stored_bars(closes), told, View(adjust="splits"))
    assert table["close"].to_pylist() == [10.0, 10.0, 20.0, 20.0]
    assert table["ticker"].to_pylist() == ["A.US", "A.US", "B.US", "B.US"]


def test_a_wide_table_has_a_column_for_each_ticker_and_null_without_a_bar() -> None:
    closes = {"A.US": {MONDAY: 1.0, TUESDAY: 2.0}, "B.US": {TUESDAY: 3.0, THURSDAY: 4.0}}
    view = View(columns=["close"], layout="wide")
    assert view_bars(stored_bars(closes), NO_ACTIONS, view).to_pydict() == {
        "date": [MONDAY, TUESDAY, THURSDAY],
        "A.US": [1.0, 2.0, None],
        "B.US": [None, 3.0, 4.0],
    }
    several = view_bars(
        stored_bars(closes), NO_ACTIONS, View(columns=["close", "volume"], layout="wide")
    )
    assert several.column_names == [
        *("date", "A.US close", "A.US volume"),
        *("B.US close", "B.US volume"),
    ]


def test_two_assets_of_one_ticker_are_told_apart_by_their_number_only() -> None:
    stored = stored_bars({"A.US": {MONDAY: 1.0}, "B.US": {MONDAY: 2.0}})
    twins = stored.set_column(1, "ticker", pa.array(["A.US", "A.US"]))
    with pytest.raises(UsageError, match=r"two assets have the symbol A\.US"):
        view_bars(twins, NO_ACTIONS, View(layout="wide"))
    view = View(columns=["asset_id", "close"])
    assert view_bars(twins, NO_ACTIONS, view)["asset_id"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("view", "named"),
    [
        ({"adjust": "both"}, "adjust: 'both' is unknown; choose from raw, splits, total, vendor"),
        ({"direction": "up"}, "direction: 'up' is unknown; choose from backward, forward"),
        ({"layout": "square"}, "layout: 'square' is unknown; choose from long, wide"),
        (
            {"columns": ["close", "vwap"]},
            "columns: 'vwap' is unknown; choose from asset_id, ticker, date,",
        ),
        ({"columns": "close"}, "columns: 'close' is unknown"),
    ],
)
def test_a_word_that_is_none_of_the_known_ones_is_refused(view: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as refused:
        View(**view)
    assert str(refused.value).startswith(named)


def test_the_whole_history_is_needed_only_of_assets_with_actions_that_count() -> None:
    told = actions_of(dividend(TUESDAY, 1), split(TUESDAY, 2, 1, asset_id=2))
    found = {adjust: whole_histories(told, View(adjust=adjust)) for adjust in ("raw", "total")}
    assert found == {"raw": {2}, "total": {1, 2}}
    assert whole_histories(told, View(adjust="vendor")) == set()


def test_no_bars_make_an_empty_table() -> None:
    nothing = stored_bars({})
    for adjust in ("raw", "splits", "total", "vendor"):
        for layout in ("long", "wide"):
            view = View(adjust=adjust, layout=layout)
            assert len(view_bars(nothing, actions_of(split(MONDAY, 2, 1)), view)) == 0
    assert len(view_returns(nothing, NO_ACTIONS, View())) == 0


RETURNS = {
    "raw": [None, 0.1, 120 / 110 - 1],
    "splits": [None, 0.1, 120 / 55 - 1],
    "total": [None, 0.1, 120 / (0.8 * 55) - 1],
}


@pytest.mark.parametrize(("adjust", "expected"), RETURNS.items(), ids=RETURNS)
def test_a_return_is_the_growth_of_what_an_owner_has(
    adjust: Adjust,
    expected: list[float | None],
) -> None:
    """On Wednesday he has two shares for one, and 22 in cash for each old one of 110."""
    told = actions_of(split(WEDNESDAY, 2, 1), dividend(WEDNESDAY, 22))
    table = view_returns(bars(), told, View(adjust=adjust, last=WEDNESDAY))
    assert table["return"].to_pylist() == pytest.approx(expected)
    later = view_returns(bars(), told, View(adjust=adjust, first=WEDNESDAY, last=WEDNESDAY))
    assert later.to_pylist() == table.slice(2).to_pylist()


def test_returns_are_refused_only_for_an_action_between_shown_bars() -> None:
    told = actions_of(dividend(WEDNESDAY, 12, "CAD"))
    with pytest.raises(AdjustmentRefused):
        view_returns(bars(), told, View(adjust="total", first=WEDNESDAY))
    for view in (View(adjust="total", first=THURSDAY), View(adjust="total", last=TUESDAY)):
        assert len(view_returns(bars(), told, view))


def test_a_log_return_is_the_logarithm_of_the_growth() -> None:
    table = view_returns(bars(), NO_ACTIONS, View(), "log")
    assert table["return"].to_pylist()[1] == pytest.approx(0.0953101798)
    with pytest.raises(UsageError, match="kind: 'cubic'"):
        view_returns(bars(), NO_ACTIONS, View(), "cubic")  # type: ignore[arg-type]


def test_no_return_crosses_from_one_asset_to_the_next_or_out_of_a_close_of_zero() -> None:
    closes = {"A.US": {MONDAY: 0.0, TUESDAY: 2.0}, "B.US": {MONDAY: 5.0, TUESDAY: 10.0}}
    table = view_returns(stored_bars(closes), NO_ACTIONS, View())
    assert table["return"].to_pylist() == [None, None, None, 1.0]
