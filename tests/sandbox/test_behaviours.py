"""What the vendor does late or wrong: what it serves of an asset on which evening."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import COLUMNS, listed_actions, now_and_final, truth

SYMBOL = "AAPL.US"
WORLD: dict[str, Any] = {"symbols": 6, "clean": True, "bars_per_symbol": 60}
THURSDAY, FRIDAY, MONDAY, TUESDAY = "2026-11-19", "2026-11-20", "2026-11-23", "2026-11-24"
Row = dict[str, Any]


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    """Published up to Thursday; its clock shows Friday evening in New York."""
    with sandbox(**WORLD, now="2026-11-20T22:00:00") as running:
        publish(running, THURSDAY)
        yield running


def publish(vendor: Sandbox, day: str) -> None:
    vendor.post("/publish", {"exchange": "US", "date": day})


def behave(vendor: Sandbox, name: str, sessions: int = 1, symbol: str = SYMBOL) -> None:
    vendor.post("/behaviours", {"name": name, "symbols": [symbol], "sessions": sessions})


def eod(vendor: Sandbox, symbol: str = SYMBOL) -> list[Row]:
    return list(vendor.ask(f"/eod/{symbol}", fmt="json").json())


def final(vendor: Sandbox, symbol: str = SYMBOL) -> list[Row]:
    columns = vendor.get(f"/truth/{symbol}?final=1")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def bulk(vendor: Sandbox, day: str, kind: str = "") -> list[Row]:
    """The row of the asset in bulk, without its names; none or one."""
    rows = vendor.ask("/eod-bulk-last-day/US", date=day, type=kind).json()
    names = ("code", "exchange_short_name", "exchange")
    return [
        {name: value for name, value in row.items() if name not in names}
        for row in rows
        if row["code"] == "AAPL"
    ]


def dates(rows: list[Row]) -> list[str]:
    return [row["date"] for row in rows]


def differing(row: Row, other: Row) -> set[str]:
    return {name for name in row if row[name] != other[name]}


def test_a_late_asset_s_newest_bar_comes_with_the_next_session(vendor: Sandbox) -> None:
    behave(vendor, "late")
    publish(vendor, FRIDAY)
    assert eod(vendor) == final(vendor)[:-1]
    assert bulk(vendor, FRIDAY) == []
    assert dates(eod(vendor, "MSFT.US"))[-1] == FRIDAY
    publish(vendor, MONDAY)
    assert eod(vendor) == final(vendor)[:-1]
    assert dates(eod(vendor))[-1] == FRIDAY
    assert bulk(vendor, FRIDAY) == eod(vendor)[-1:]
    assert bulk(vendor, MONDAY) == []


def test_an_asset_may_be_late_by_more_sessions(vendor: Sandbox) -> None:
    behave(vendor, "late", sessions=2)
    publish(vendor, MONDAY)
    assert dates(eod(vendor))[-1] == THURSDAY
    publish(vendor, TUESDAY)
    assert dates(eod(vendor))[-1] == FRIDAY


@pytest.mark.parametrize(
    ("name", "provisional"),
    [
        ("provisional", {"close", "high", "low", "adjusted_close"}),
        ("unsettled-volume", {"volume"}),
    ],
)
def test_the_evening_s_values_are_others_until_the_next_session(
    vendor: Sandbox, name: str, provisional: set[str]
) -> None:
    behave(vendor, name)
    publish(vendor, FRIDAY)
    evening = eod(vendor)
    assert evening[:-1] == final(vendor)[:-1]
    assert differing(evening[-1], final(vendor)[-1]) == provisional
    assert evening[-1]["low"] <= evening[-1]["close"] <= evening[-1]["high"]
    assert bulk(vendor, FRIDAY) == evening[-1:]
    publish(vendor, MONDAY)
    assert eod(vendor)[:-1] == final(vendor)[:-1]
    assert dates(eod(vendor))[-2:] == [FRIDAY, MONDAY]
    assert bulk(vendor, FRIDAY) == final(vendor)[-2:-1]


def test_the_running_session_s_bar_is_shown_before_its_close(vendor: Sandbox) -> None:
    behave(vendor, "partial")
    publish(vendor, FRIDAY)
    vendor.post("/clock", {"now": "2026-11-23T14:00:00"})  # half an hour before New York opens
    assert dates(eod(vendor))[-1] == FRIDAY
    vendor.post("/clock", {"now": "2026-11-23T16:00:00"})
    partial = eod(vendor)[-1]
    assert partial["date"] == MONDAY
    assert bulk(vendor, MONDAY) == [partial]
    assert dates(final(vendor))[-1] == FRIDAY
    assert dates(eod(vendor, "MSFT.US"))[-1] == FRIDAY
    publish(vendor, MONDAY)
    assert eod(vendor) == final(vendor)
    assert differing(partial, eod(vendor)[-1]) >= {"close", "adjusted_close", "volume"}


def test_actions_may_be_listed_and_worked_in_late(vendor: Sandbox) -> None:
    before = final(vendor)
    behave(vendor, "late-actions", sessions=2)
    vendor.post("/actions", {"symbol": SYMBOL, "date": FRIDAY, "split": "2/1"})
    vendor.post("/actions", {"symbol": SYMBOL, "date": FRIDAY, "dividend": 0.1})
    for evening in (FRIDAY, MONDAY):
        publish(vendor, evening)
        assert listed(vendor) == [False] * 5
        assert eod(vendor)[: len(before)] == before
        assert eod(vendor)[len(before)]["close"] < 0.7 * before[-1]["close"]
    publish(vendor, TUESDAY)
    assert listed(vendor) == [True] * 5
    assert eod(vendor) == final(vendor)
    rebased = eod(vendor)[len(before) - 1]
    assert rebased["close"] == before[-1]["close"]
    assert rebased["volume"] == 2 * before[-1]["volume"]
    assert rebased["adjusted_close"] < 0.51 * before[-1]["adjusted_close"]


def listed(vendor: Sandbox, day: str = FRIDAY) -> list[bool]:
    """Which feeds know the day's actions: the asset's own two, the bulk ones, the calendar."""
    calendar = vendor.ask("/calendar/splits", from_=day, to=day).json()["splits"]
    return [
        day in dates(vendor.ask(f"/splits/{SYMBOL}", fmt="json").json()),
        day in dates(vendor.ask(f"/div/{SYMBOL}", fmt="json").json()),
        bool(bulk(vendor, day, "splits")),
        bool(bulk(vendor, day, "dividends")),
        SYMBOL in [row["code"] for row in calendar],
    ]


def test_histories_may_be_rebased_later_than_their_action_is_listed(vendor: Sandbox) -> None:
    before = final(vendor)
    behave(vendor, "late-rebasing")
    vendor.post("/actions", {"symbol": SYMBOL, "date": FRIDAY, "split": "2/1"})
    publish(vendor, FRIDAY)
    assert listed(vendor) == [True, False, True, False, True]
    assert eod(vendor)[: len(before)] == before
    publish(vendor, MONDAY)
    assert eod(vendor) == final(vendor)
    assert eod(vendor)[0]["adjusted_close"] < 0.51 * before[0]["adjusted_close"]


def test_actions_may_never_be_worked_in(vendor: Sandbox) -> None:
    request = {"name": "unadjusted", "symbols": [SYMBOL], "since": None}
    vendor.post("/behaviours", request)
    vendor.post("/actions", {"symbol": SYMBOL, "date": FRIDAY, "split": "2/1"})
    publish(vendor, TUESDAY)
    assert listed(vendor) == [True, False, True, False, True]
    assert eod(vendor) == final(vendor)
    assert [row["adjusted_close"] for row in eod(vendor)] == [row["close"] for row in eod(vendor)]


def test_only_actions_after_a_day_may_be_neglected(vendor: Sandbox) -> None:
    vendor.post("/actions", {"symbol": SYMBOL, "date": "2026-11-10", "split": "2/1"})
    before = eod(vendor)
    behave(vendor, "unadjusted")
    vendor.post("/actions", {"symbol": SYMBOL, "date": FRIDAY, "dividend": 0.1})
    publish(vendor, FRIDAY)
    assert eod(vendor)[:-1] == before
    assert before[0]["adjusted_close"] < 0.51 * before[0]["close"]


def test_bars_are_withdrawn_from_eod_and_bulk(vendor: Sandbox) -> None:
    before = eod(vendor)
    vendor.post("/withdraw", {"symbol": SYMBOL, "date": "2026-11-18"})
    assert eod(vendor) == before[:-2] + before[-1:] == final(vendor)
    assert bulk(vendor, "2026-11-18") == []


def test_some_bars_are_withdrawn_sessions_later(vendor: Sandbox) -> None:
    withdrawal = {"name": "withdrawn-bars", "symbols": [SYMBOL], "sessions": 2, "since": None}
    whole = dates(eod(vendor))
    vendor.post("/behaviours", withdrawal)
    old = dates(eod(vendor))
    settled = dates(final(vendor))
    assert set(settled) < set(old) < set(whole) or set(settled) == set(old) < set(whole)
    seen: list[tuple[str, int]] = []
    for number, evening in enumerate(whole[-30:]):
        publish(vendor, evening)
        served = dates(eod(vendor))
        assert served[-2:] == whole[whole.index(evening) - 1 : whole.index(evening) + 1]
        seen += [(day, number) for day in served[-3:]]
    gone = set(whole[-30:-2]) - set(settled)
    assert gone
    for day in gone:
        born = whole[-30:].index(day)
        assert [number for each, number in seen if each == day] == [born, born + 1]


@pytest.mark.parametrize("kind", ["split", "dividend"])
def test_actions_are_withdrawn_and_the_history_is_rebased_back(vendor: Sandbox, kind: str) -> None:
    before = eod(vendor)
    amount: Row = {"split": "2/1"} if kind == "split" else {"dividend": 0.1}
    vendor.post("/actions", {"symbol": SYMBOL, "date": "2026-11-18", **amount})
    assert eod(vendor) != before
    vendor.post("/withdraw", {"symbol": SYMBOL, "date": "2026-11-18", "kind": kind})
    assert eod(vendor) == before == final(vendor)
    assert listed(vendor, "2026-11-18") == [False] * 5


def test_each_action_of_an_asset_is_withdrawn_sessions_later(vendor: Sandbox) -> None:
    behave(vendor, "withdrawn-actions", sessions=2)
    before = eod(vendor)
    vendor.post("/actions", {"symbol": SYMBOL, "date": FRIDAY, "dividend": 0.1})
    for evening, is_listed in ((FRIDAY, True), (MONDAY, True), (TUESDAY, False)):
        publish(vendor, evening)
        assert listed(vendor) == [False, is_listed, False, is_listed, False]
        assert (eod(vendor)[: len(before)] == before) is not is_listed
        assert final(vendor)[: len(before)] == before


def test_the_newest_date_comes_twice_with_less_volume(vendor: Sandbox) -> None:
    behave(vendor, "doubled")
    publish(vendor, FRIDAY)
    rows = eod(vendor)
    assert rows[:-1] == final(vendor)
    first, second = rows[-2:]
    assert first["date"] == second["date"] == FRIDAY
    prices = [name for name in COLUMNS if name != "volume"]
    assert [second[name] for name in prices] == pytest.approx(
        [first[name] for name in prices], abs=1.1e-6, rel=0
    )
    assert second["close"] != first["close"]
    assert 0.9 * first["volume"] < second["volume"] < first["volume"]
    for _ in range(2):  # from the tape, and from the rendered history
        assert bulk(vendor, FRIDAY) == [first]
        vendor.post("/warm")
    publish(vendor, MONDAY)
    assert dates(eod(vendor))[-4:] == [THURSDAY, FRIDAY, MONDAY, MONDAY]


def test_the_newest_date_may_come_twice_with_other_prices(vendor: Sandbox) -> None:
    behave(vendor, "doubled-otherwise")
    publish(vendor, FRIDAY)
    assert eod(vendor)[:-1] == final(vendor)
    first, second = eod(vendor)[-2:]
    assert differing(first, second) == set(COLUMNS)
    csv = vendor.ask(f"/eod/{SYMBOL}", from_=FRIDAY).body.decode().splitlines()
    assert [line.partition(",")[0] for line in csv] == ["Date", FRIDAY, FRIDAY]


def test_behaviours_go_together(vendor: Sandbox) -> None:
    for name in ("late", "provisional", "unsettled-volume"):
        behave(vendor, name, sessions=2 if name != "late" else 1)
    publish(vendor, MONDAY)
    assert dates(eod(vendor))[-1] == FRIDAY
    assert differing(eod(vendor)[-1], final(vendor)[-2]) == {
        *("close", "high", "low", "adjusted_close", "volume")
    }
    publish(vendor, TUESDAY)
    assert eod(vendor)[:-1] == final(vendor)[:-2]


def test_nothing_that_was_served_changes_when_a_behaviour_begins(vendor: Sandbox) -> None:
    before = eod(vendor)
    for name in vendor.get("/behaviours"):
        behave(vendor, name)
    vendor.post("/clock", {"now": "2026-11-20T12:00:00"})
    assert eod(vendor) == before


def test_a_behaviour_ends(vendor: Sandbox) -> None:
    behave(vendor, "late")
    publish(vendor, FRIDAY)
    vendor.post("/behaviours", {"name": "late"})
    assert eod(vendor) == final(vendor)
    assert vendor.get("/behaviours")["late"]["symbols"] == []


def test_a_renamed_asset_keeps_its_behaviours(vendor: Sandbox) -> None:
    behave(vendor, "late")
    vendor.post("/list", {"symbol": SYMBOL, "action": "rename", "to": "PEAR"})
    publish(vendor, FRIDAY)
    assert vendor.get("/behaviours")["late"]["symbols"] == ["PEAR.US"]
    assert dates(eod(vendor, "PEAR.US"))[-1] == THURSDAY


def test_a_delisted_asset_shows_no_running_session(vendor: Sandbox) -> None:
    behave(vendor, "partial")
    vendor.post("/list", {"symbol": SYMBOL, "action": "delist", "date": THURSDAY})
    assert dates(eod(vendor))[-1] == THURSDAY


def test_the_truth_has_the_values_served_now_and_the_final_ones(vendor: Sandbox) -> None:
    behave(vendor, "late")
    behave(vendor, "provisional", symbol="MSFT.US")
    behave(vendor, "partial", symbol="VTI.US")
    behave(vendor, "late-actions", symbol="VTI.US")
    vendor.post("/clock", {"now": "2026-11-23T16:00:00"})
    vendor.post("/actions", {"symbol": "VTI.US", "date": FRIDAY, "split": "2/1"})
    publish(vendor, FRIDAY)
    found = {
        (row["symbol"], str(row["date"])): (row["close"], row["final_close"])
        for row in now_and_final(vendor).to_pylist()
        if row["close"] != row["final_close"]
    }
    assert found.keys() == {(SYMBOL, FRIDAY), ("MSFT.US", FRIDAY), ("VTI.US", MONDAY)}
    assert found[SYMBOL, FRIDAY] == (None, final(vendor)[-1]["close"])
    assert found["MSFT.US", FRIDAY][0] == eod(vendor, "MSFT.US")[-1]["close"]
    assert found["VTI.US", MONDAY][1] is None
    late = [each for each in listed_actions(vendor, final=True) if each["date"] == FRIDAY]
    assert [(each["symbol"], each["kind"], each["new"], each["old"]) for each in late] == [
        ("VTI.US", "split", 2, 1)
    ]
    assert [each for each in listed_actions(vendor) if each["date"] == FRIDAY] == []
    publish(vendor, MONDAY)
    assert truth(vendor).equals(truth(vendor, final=True)) is False
    vendor.post("/behaviours", {"name": "late"})
    vendor.post("/behaviours", {"name": "provisional"})
    assert truth(vendor).equals(truth(vendor, final=True))


def test_a_bar_that_is_held_is_part_of_the_final_truth(vendor: Sandbox) -> None:
    vendor.post("/hold", {"symbol": SYMBOL, "date": FRIDAY, "until": MONDAY})
    publish(vendor, FRIDAY)
    assert dates(eod(vendor)) == dates(final(vendor))[:-1]


def test_the_same_seed_gives_the_same_answers() -> None:
    def answers() -> list[list[Row]]:
        names = ("late", "provisional", "withdrawn-bars", "doubled", "late-actions:3", "partial")
        options = [f"{name}=0.5" for name in names]
        with sandbox(**WORLD, now="2026-11-20T22:00:00", behaviour=options) as vendor:
            return [eod(vendor, f"{code}.US") for code in ("AAPL", "MSFT", "VTI")]

    assert answers() == answers()
