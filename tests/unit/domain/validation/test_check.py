"""An answer's rows are sorted out completely: kept, repeated or rejected, none lost or invented."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.validation.check import Checked, Reject, check
from data_nexus.domain.validation.price_kinds import PriceKind
from tests.unit.eodhd.answers import DAY, GOOD, WINDOW, Record, bars_of, record, records_of

ONE_DAY = dt.timedelta(days=1)
NEXT_DAY = DAY + ONE_DAY
# Few values, so that dates, repeats and contradictions meet often.
DATES = st.sampled_from(
    [None, DAY, NEXT_DAY, WINDOW.first, WINDOW.first - ONE_DAY, WINDOW.last, WINDOW.last + ONE_DAY]
)
PRICES = st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.0, 999999.9999, -1.0, math.nan, math.inf])
VOLUMES = st.sampled_from([5.0, 5.0, 0.0, 0.5, -1.0, math.nan, math.inf, -math.inf])
ROWS = st.lists(st.tuples(DATES, PRICES, PRICES, PRICES, PRICES, PRICES, VOLUMES), max_size=12)


def received(row: Sequence[object]) -> tuple[str, ...]:
    """A row as text, so that NaN equals NaN and a row can be counted."""
    return tuple(map(str, row))


def verdicts(rows: Sequence[Record]) -> list[str | None]:
    """The rule for which each row is rejected, read row by row; None where it is kept.

    Rows for one date contradict each other by their prices; volumes are settled later.
    """
    alone = [verdict_alone(row) for row in rows]
    said: dict[object, set[tuple[str, ...]]] = {}
    for row, verdict in zip(rows, alone, strict=True):
        if verdict is None:
            said.setdefault(row[0], set()).add(received(row[:-1]))
    return [
        "date has one bar" if verdict is None and len(said[row[0]]) > 1 else verdict
        for row, verdict in zip(rows, alone, strict=True)
    ]


def verdict_alone(row: Record) -> str | None:
    """The first rule that a row breaks by itself."""
    day, *prices, volume = row
    broken = {
        "date is readable": day is None,
        "date is not in the future": day is not None and day > WINDOW.last,
        "date lies in the window": day is not None and day < WINDOW.first,
        "prices are present": any(map(math.isnan, prices)),
        "prices are finite": math.inf in map(abs, prices),
        "prices are plausible": max(map(abs, prices)) > 1e12,
        "prices are not negative": min(prices) < 0,
        "close is above zero": prices[3] == 0,
        "no price is the placeholder": 999999.9999 in prices,
        "volume is not negative": volume < 0,
        "volume is finite": volume == math.inf,
    }
    return next((rule for rule, is_broken in broken.items() if is_broken), None)


def outcome(checked: Checked, rows: Sequence[Record]) -> tuple[object, ...]:
    """All that a check said, by rows and not by their places."""
    rejects = Counter((received(rows[reject.row]), reject.rule) for reject in checked.rejects)
    return records_of(checked.kept), rejects, checked.flags, checked.repeats


@given(ROWS)
def test_every_row_is_kept_repeated_or_rejected(rows: list[Record]) -> None:
    checked = check(bars_of(*rows), WINDOW)
    places = [reject.row for reject in checked.rejects]
    assert checked.received == len(checked.kept) + checked.repeats + len(places) == len(rows)
    assert len(set(places)) == len(places)


@given(ROWS)
def test_a_row_s_verdict_is_the_one_that_reading_it_alone_gives(rows: list[Record]) -> None:
    checked = check(bars_of(*rows), WINDOW)
    expected = [Reject(n, rule) for n, rule in enumerate(verdicts(rows)) if rule]
    assert sorted(checked.rejects, key=lambda reject: reject.row) == expected


@given(ROWS)
def test_what_is_kept_was_sent_and_is_sorted_and_unique_by_date(rows: list[Record]) -> None:
    kept = records_of(check(bars_of(*rows), WINDOW).kept)
    sent = {received((*r[:-1], 0.0 if math.isnan(r[-1]) else r[-1])) for r in rows}
    dates = [row[0] for row in kept]
    assert dates == sorted(set(dates), key=str)
    assert {received(row) for row in kept} <= sent
    assert all(math.isfinite(number) for row in kept for number in row[1:])


@given(ROWS.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_the_order_of_the_rows_does_not_matter(orders: tuple[list[Record], list[Record]]) -> None:
    sent, shuffled = orders
    assert outcome(check(bars_of(*shuffled), WINDOW), shuffled) == outcome(
        check(bars_of(*sent), WINDOW), sent
    )


@given(ROWS)
def test_a_check_of_what_was_kept_keeps_it_all(rows: list[Record]) -> None:
    once = check(bars_of(*rows), WINDOW)
    twice = check(once.kept, WINDOW)
    assert records_of(twice.kept) == records_of(once.kept)
    flags = {rule: n for rule, n in once.flags.items() if rule != "bar comes once"}
    assert (twice.rejects, twice.flags, twice.repeats) == ((), flags, 0)


def test_two_rows_that_contradict_each_other_are_both_rejected() -> None:
    other, unharmed = record(close=264.0), record(date=NEXT_DAY)
    checked = check(bars_of(GOOD, unharmed, other), WINDOW)
    assert records_of(checked.kept) == [unharmed]
    assert checked.rejects == (Reject(0, "date has one bar"), Reject(2, "date has one bar"))


def test_a_repeat_does_not_outvote_a_contradiction() -> None:
    checked = check(bars_of(GOOD, record(close=264.0), GOOD), WINDOW)
    assert [reject.row for reject in checked.rejects] == [0, 1, 2]


@pytest.mark.parametrize("times", [2, 3, 7])
def test_identical_repeats_collapse_into_one_bar(times: int) -> None:
    checked = check(bars_of(*[GOOD] * times), WINDOW)
    assert records_of(checked.kept) == [GOOD]
    assert (checked.rejects, checked.repeats) == ((), times - 1)


def test_repeats_without_a_volume_are_repeats_too() -> None:
    checked = check(bars_of(record(volume=math.nan), record(volume=math.nan)), WINDOW)
    assert (checked.rejects, checked.repeats, len(checked.kept)) == ((), 1, 1)
    assert checked.flags == {"volume is above zero": 1}


@pytest.mark.parametrize("other", [math.nan, 0.0, GOOD[-1] - 13])
@pytest.mark.parametrize("order", [1, -1])
def test_of_rows_that_differ_in_volume_alone_the_larger_one_is_the_bar(
    other: float, order: int
) -> None:
    rows = [GOOD, record(volume=other), record(date=NEXT_DAY)][::order]
    checked = check(bars_of(*rows), WINDOW)
    assert records_of(checked.kept) == [GOOD, record(date=NEXT_DAY)]
    assert (checked.rejects, checked.flags, checked.repeats) == ((), {"bar comes once": 1}, 1)
    assert checked.received == 3


@pytest.mark.parametrize(("share", "agrees"), [(0.9e-6, True), (1.1e-6, False)])
def test_prices_agree_to_a_millionth(share: float, *, agrees: bool) -> None:
    checked = check(bars_of(GOOD, record(low=GOOD[3] * (1 + share))), WINDOW)
    assert len(checked.rejects) == (0 if agrees else 2)
    assert len(checked.kept) == agrees


def test_rows_of_which_only_some_agree_are_all_rejected() -> None:
    steps = [record(close=GOOD[4] * (1 + n * 0.9e-6)) for n in range(3)]
    assert [reject.rule for reject in check(bars_of(*steps), WINDOW).rejects] == [
        "date has one bar"
    ] * 3


def test_zeros_of_a_yield_agree_and_a_change_of_sign_does_not() -> None:
    zero = record(open=0.0, high=0.0, low=0.0, close=0.0, adjusted_close=0.0)
    again = (*zero[:-1], zero[-1] + 1)
    assert records_of(check(bars_of(zero, again), WINDOW, PriceKind.SIGNED).kept) == [again]
    tenth = record(open=0.1, high=0.1, low=0.1, close=0.1, adjusted_close=0.1)
    below = record(open=-0.1, high=-0.1, low=-0.1, close=-0.1, adjusted_close=-0.1)
    assert len(check(bars_of(tenth, below), WINDOW, PriceKind.SIGNED).rejects) == 2


def test_a_missing_volume_is_stored_as_zero_and_flagged() -> None:
    checked = check(bars_of(record(volume=math.nan), record(date=NEXT_DAY)), WINDOW)
    assert records_of(checked.kept) == [record(volume=0.0), record(date=NEXT_DAY)]
    assert checked.flags == {"volume is above zero": 1}


def test_flags_count_the_kept_rows_only() -> None:
    odd = record(open=0.0)
    rows = (odd, odd, record(date=NEXT_DAY, open=0.0), record(date=None, open=0.0))
    assert check(bars_of(*rows), WINDOW).flags == {"open is above zero": 2}


def test_rows_out_of_order_are_put_in_order() -> None:
    later = record(date=NEXT_DAY)
    assert records_of(check(bars_of(later, GOOD), WINDOW).kept) == [GOOD, later]


def test_an_empty_answer_is_checked_without_ado() -> None:
    checked = check(bars_of(), WINDOW)
    assert (checked.received, len(checked.kept), checked.flags) == (0, 0, {})


def test_the_columns_keep_their_types() -> None:
    kept = check(bars_of(GOOD, GOOD, record(date=None)), WINDOW).kept
    assert [column.dtype for column in kept.columns()] == [np.int32] + [np.float64] * 6
