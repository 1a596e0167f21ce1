"""What a session in bulk means for each asset that lacks it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from data_nexus.domain.bars import days
from data_nexus.domain.validation.bulk_session import (
    BulkSession,
    Candidates,
    classify,
    flag_counts,
    is_out,
    reference_day,
)
from data_nexus.domain.validation.price_kinds import SignedCodes
from data_nexus.errors import WrongSubject
from data_nexus.ingestion.nightly.bulk_session import decode_session

FRIDAY, MONDAY = date(2026, 11, 6), date(2026, 11, 9)
THURSDAY = date(2026, 11, 5)
NO_DAY = int(np.iinfo(np.int32).min)


def row(code: str, close: float = 10.0, **other: object) -> dict[str, object]:
    prices = dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), close)
    known = {"code": code, "exchange_short_name": "US", "date": str(MONDAY)}
    return {**known, **prices, "volume": 5, **other}


def session_of(*rows: dict[str, object]) -> BulkSession:
    return decode_session(json.dumps(rows).encode(), "US", MONDAY, str)


def lacking(*assets: tuple[str, int, float, float]) -> Candidates:
    codes, last_days, closes, adjusted = zip(*assets, strict=True)
    return Candidates(
        asset_ids=np.arange(1, len(assets) + 1, dtype=np.int32),
        codes=codes,
        fences=np.zeros(len(assets), np.int64),
        last_day=np.array(last_days, np.int32),
        close=np.array(closes),
        adjusted_close=np.array(adjusted),
        is_damaged=np.zeros(len(assets), np.bool_),
    )


def outcome_of(received: BulkSession, asset: tuple[str, int, float, float]) -> str:
    found = classify(received, lacking(asset), days(FRIDAY))
    names = ("stored", "absent", "rejected", "to_fetch")
    (name,) = [name for name in names if len(getattr(found, name))]
    return name + " and reloaded" * bool(found.to_reload)


UNBROKEN = (days(FRIDAY), 10.0, 10.0)


@pytest.mark.parametrize(
    ("rows", "asset", "outcome"),
    [
        ([row("A")], ("A", *UNBROKEN), "stored"),
        ([row("B")], ("A", *UNBROKEN), "absent"),
        ([row("B")], ("A", NO_DAY, np.nan, np.nan), "absent"),
        ([row("A", 0.0)], ("A", *UNBROKEN), "rejected"),
        ([row("A", date="2026-11-06"), row("B")], ("A", *UNBROKEN), "rejected"),
        ([row("A")], ("A", days(THURSDAY), 10.0, 10.0), "to_fetch"),
        ([row("A")], ("A", days(MONDAY), 10.0, 10.0), "to_fetch"),
        ([row("A")], ("A", NO_DAY, np.nan, np.nan), "to_fetch"),
        ([row("A"), row("A", 11.0)], ("A", *UNBROKEN), "to_fetch and reloaded"),
        ([row("A", adjusted_close=9.99)], ("A", *UNBROKEN), "to_fetch and reloaded"),
        ([row("A")], ("A", days(FRIDAY), 10.0, 10.01), "to_fetch and reloaded"),
        ([row("A", 30.0)], ("A", *UNBROKEN), "stored"),
        ([row("A", 30.1)], ("A", *UNBROKEN), "to_fetch and reloaded"),
        ([row("A", 3.3)], ("A", *UNBROKEN), "to_fetch and reloaded"),
    ],
)
def test_only_what_is_unbroken_is_carried_on(
    rows: list[dict[str, object]], asset: tuple[str, int, float, float], outcome: str
) -> None:
    assert outcome_of(session_of(*rows), asset) == outcome


@pytest.mark.parametrize("rows", [[row("A")], [row("B")], [row("A", 0.0)]], ids=str)
def test_an_asset_whose_last_bars_are_lost_is_reloaded_whatever_the_session_has_of_it(
    rows: list[dict[str, object]],
) -> None:
    damaged = replace(lacking(("A", *UNBROKEN)), is_damaged=np.array([True]))
    found = classify(session_of(*rows), damaged, days(FRIDAY))
    assert found.to_fetch.tolist() == [0]
    assert found.to_reload == {"A"}
    assert len(found.advanced) == 0


@pytest.mark.parametrize(
    ("close", "adjusted", "holds"),
    [(0.003, 0.3, True), (0.0031, 0.31, True), (12.34, 6.1700, True), (12.34, 6.1702, False)],
)
def test_an_adjustment_continues_as_far_as_four_decimals_show(
    close: float, adjusted: float, *, holds: bool
) -> None:
    before = (0.003, 0.3) if close < 1 else (24.68, 12.34)
    received = session_of(row("A", close, adjusted_close=adjusted))
    assert (outcome_of(received, ("A", days(FRIDAY), *before)) == "stored") is holds


YIELDS = SignedCodes(codes=frozenset("A"))


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ((0.5, 0.5), {"close": -0.5}, "stored"),
        ((-0.45, -0.45), {"close": 0.0}, "stored"),
        ((0.0, 0.0), {"close": 0.0}, "stored"),
        ((0.0, 0.0), {"close": 0.4}, "stored"),
        ((0.02, 0.02), {"close": 0.5}, "stored"),
        ((18.27, 18.27), {"close": -37.63}, "stored"),
        ((-37.63, -37.63), {"close": 10.01}, "stored"),
        ((20.0, 10.0), {"close": 21.0, "adjusted_close": 10.5}, "stored"),
        ((20.0, 10.0), {"close": 21.0}, "to_fetch and reloaded"),
        ((0.5, 0.5), {"close": -0.5, "adjusted_close": 0.5}, "to_fetch and reloaded"),
        ((np.nan, np.nan), {"close": -0.5}, "to_fetch"),
    ],
)
def test_a_yield_is_carried_on_over_zero_unless_its_adjustment_changes(
    before: tuple[float, float], after: dict[str, float], outcome: str
) -> None:
    rows = [row("A", **after)]
    received = decode_session(json.dumps(rows).encode(), "US", MONDAY, str, YIELDS)
    last_day = NO_DAY if np.isnan(before[0]) else days(FRIDAY)
    assert outcome_of(received, ("A", last_day, *before)) == outcome


def test_a_session_holds_prices_of_zero_and_below_of_the_codes_that_may_have_them() -> None:
    rows = [row("A", -0.5), row("B", -0.5), row("A2", 0.0)]
    received = decode_session(json.dumps(rows).encode(), "US", MONDAY, str, YIELDS)
    assert [*received.position] == ["A"]
    assert {code: rule for code, (rule, _) in received.rejected.items()} == {
        "B": "prices are not negative",
        "A2": "close is above zero",
    }
    assert json.loads(received.flagged(received.position["A"])) == {"prices are above zero": 1}


@pytest.mark.parametrize("order", [1, -1])
def test_rows_of_a_code_that_agree_in_prices_are_one_bar_of_the_larger_volume(order: int) -> None:
    rows = [row("A", volume=987), row("A", 10.000001, volume=1003), row("B")][::order]
    received = session_of(*rows)
    assert outcome_of(received, ("A", *UNBROKEN)) == "stored"
    at = received.position["A"]
    assert (received.bars.volume[at], received.bars.close[at]) == (1003, 10.000001)
    assert json.loads(received.flagged(at)) == {"bar comes once": 1}
    assert (received.rejected, received.named) == ({}, frozenset())


def test_an_asset_that_a_worker_has_leased_meanwhile_is_not_classified() -> None:
    received = session_of(row("A"), row("B", 0.0), row("C"))
    found = classify(received, lacking(*((code, *UNBROKEN) for code in "ABCD")), days(FRIDAY))
    kept = found.without(np.array([True, True, False, True]))
    assert (kept.stored.tolist(), kept.absent.tolist(), kept.rejected.tolist()) == ([2], [], [])
    assert received.bars.take(kept.rows).close.tolist() == [10.0]


def test_an_asset_with_an_action_is_fetched_as_a_whole_however_well_its_bar_fits() -> None:
    named = replace(session_of(row("A")), named=frozenset({"A"}))
    assert outcome_of(named, ("A", *UNBROKEN)) == "to_fetch and reloaded"


def test_odd_rows_are_stored_and_counted() -> None:
    received = session_of(row("A", volume=0), row("B"), row("C", volume=None, open=0))
    found = classify(received, lacking(*((code, *UNBROKEN) for code in "ABC")), days(FRIDAY))
    assert flag_counts(received, found.rows)["volume is above zero"] == 2
    flagged = [json.loads(received.flagged(int(at))) for at in found.rows]
    assert flagged[:2] == [{"volume is above zero": 1}, {}]
    assert "open is above zero" in flagged[2]


def test_a_rejected_row_keeps_the_vendor_s_words() -> None:
    (rejected,) = session_of(row("A", close=0), row("B")).rejected.values()
    assert rejected[0] == "close is above zero"
    assert '"code": "A"' in rejected[1]


def test_the_session_of_another_day_is_no_answer() -> None:
    with pytest.raises(WrongSubject):
        session_of(row("A", date="2026-11-06"))


def test_bars_reach_up_to_where_more_than_a_handful_of_assets_have_one() -> None:
    assert reference_day([FRIDAY, FRIDAY, THURSDAY, None]) == FRIDAY
    assert reference_day([FRIDAY] * 10 + [THURSDAY] * 90) == FRIDAY
    assert reference_day([FRIDAY] * 5 + [THURSDAY] * 95) == THURSDAY
    assert reference_day([None]) is None


def test_a_session_is_out_when_half_of_those_that_traded_have_a_bar() -> None:
    assert is_out(session_of(row("A"), row("B")), ["A", "B", "C", "D"])
    assert not is_out(session_of(row("A"), row("B", 0.0)), ["A", "B", "C", "D"])
    assert not is_out(session_of(row("A", 0.0)), [])
    assert not is_out(session_of(), [])
