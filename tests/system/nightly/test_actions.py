"""House law 6: bars and actions reproduce the vendor's adjusted close, or the asset is flagged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import data_nexus as nexus
from tests.support.postgres.tables import add_assets, execute, rows, snapshot, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.actions import (
    FRIDAY,
    MONDAY,
    SUNDAY_NOON,
    TUESDAY_MORNING,
    UNEXPLAINED,
    asked,
    assert_the_law,
    finding,
    named,
    publish,
    shelves,
    tell,
    vendor_on_friday,
    wanted,
)
from tests.support.vendor.nights import update_at
from tests.support.vendor.sandbox import Sandbox

TUESDAY, THURSDAY = "2026-11-10", "2026-11-12"
FRIDAY_MORNING = datetime(2026, 11, 13, 12, tzinfo=UTC)
TABLES = ("splits", "dividends", "findings", "rejected_rows", "assets", "market_data")
# As the vendor writes them: fractions with an escaped slash, amounts as text, nulls, dates of 0.
SPLITS_TOLD = rb"""[{"date":"2008-05-14","split":"1.684140\/1.000000"},
 {"date":"2009-01-07","split":"1.000000\/10.000000"},
 {"date":"2015-06-12","split":"0.000000\/1.000000"},
 {"date":"2016-05-31","split":"114.802530\/100.000000"},
 {"date":"2016-05-31","split":"1.1480253\/1.0"},
 {"date":"0000-00-00","split":"2.000000\/1.000000"}]"""
DIVIDENDS_TOLD = rb"""[{"date":"2011-02-09","declarationDate":null,"recordDate":"0000-00-00",
  "paymentDate":"2011-02-15","period":"None","value":"0.22000","unadjustedValue":"0.2200000000",
  "currency":"USD"},
 {"date":"2011-05-11","period":"Quarterly","value":0.22,"unadjustedValue":0.22,"currency":"EUR"},
 {"date":"2011-05-11","period":"Special","value":1,"unadjustedValue":1,"currency":"USD"},
 {"date":"2011-08-10","value":null,"currency":"USD"},
 {"date":"2011-11-09","value":"-0.22000","currency":"USD"}]"""


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    with vendor_on_friday() as running:
        yield running


def assert_nothing_is_wanted(vendor: Sandbox, url: str, now: datetime) -> None:
    """Another update asks for nothing and writes nothing but its run."""
    before, begun = snapshot(url, *TABLES), len(vendor.log())
    assert update_at(now, vendor, url).calls == 0
    assert len(vendor.log()) == begun
    assert snapshot(url, *TABLES) == before


def test_each_asset_is_reproduced_or_flagged(vendor: Sandbox, unread: str) -> None:
    flat = [t for t, shelf in shelves(unread).items() if all(c == a for _, c, a in shelf.bars)]
    wanting = wanted(unread)
    assert wanting == len(shelves(unread)) - len(flat)
    begun = len(vendor.log())
    figures = update_at(SUNDAY_NOON, vendor, unread).as_dict()
    assert asked(vendor, begun) == {"user": 1, "splits": wanting, "div": wanting}
    assert (figures["actions"], figures["calls"]) == (wanting, 2 * wanting)
    reproduced, flagged = assert_the_law(unread)
    assert {"AAPL.US", "MSFT.US", "VTI.US", *flat} <= reproduced
    # They pay in dollars and are quoted in pounds: there is no rate to apply.
    assert flagged
    assert {ticker.rpartition(".")[2] for ticker in flagged} == {"LSE"}
    assert figures["findings"] == len(flagged)
    odd = "SELECT date::text, rule FROM rejected_rows"
    assert rows(unread, odd) == [("2025-07-09", "split is above zero")]
    assert_nothing_is_wanted(vendor, unread, SUNDAY_NOON)


def test_new_actions_are_read_in_the_night_of_their_ex_date(vendor: Sandbox, read: str) -> None:
    """Without bulk, which would cost more here, the seam shows who has one."""
    vendor.post("/actions", {"symbol": "AAPL.US", "date": MONDAY, "split": "3/2"})
    vendor.post("/actions", {"symbol": "MSFT.US", "date": MONDAY, "dividend": 0.25})
    publish(vendor, MONDAY)
    begun = len(vendor.log())
    figures = update_at(TUESDAY_MORNING, vendor, read).as_dict()
    assert {"AAPL.US", "MSFT.US"} <= named(vendor, begun) == named(vendor, begun, "splits")
    assert figures["actions"] == len(named(vendor, begun)) <= figures["reread"]
    assert {"AAPL.US", "MSFT.US"} <= assert_the_law(read)[0]
    assert_nothing_is_wanted(vendor, read, TUESDAY_MORNING)


@pytest.mark.parametrize("action", [{"split": "4/1"}, {"dividend": 0.75}], ids=str)
def test_a_factor_that_no_told_action_explains_is_a_finding(
    vendor: Sandbox, read: str, action: dict[str, Any]
) -> None:
    vendor.post("/actions", {"symbol": "MSFT.US", "date": MONDAY, "reported": False, **action})
    publish(vendor, MONDAY)
    begun = len(vendor.log())
    update_at(TUESDAY_MORNING, vendor, read)
    assert "MSFT.US" in named(vendor, begun)
    assert "MSFT.US" in assert_the_law(read)[1]
    found = finding(read, "MSFT.US")
    assert found
    bars = shelves(read)["MSFT.US"].bars
    assert found[:3] == (str(bars[0][0]), FRIDAY, len(bars) - 1)
    assert found[3] < -0.001
    with nexus.connect(read) as db:
        (told,) = [each for each in db.findings("US") if each["ticker"] == "MSFT.US"]
        states = db.status()["assets"]
    assert (told["rule"], told["last_date"], told["worst"]) == (
        UNEXPLAINED,
        date.fromisoformat(FRIDAY),
        found[3],
    )
    assert states["with_findings"] == value(read, "SELECT count(DISTINCT asset_id) FROM findings")
    assert states["wanting_actions"] == 0
    assert_nothing_is_wanted(vendor, read, TUESDAY_MORNING)


def test_what_stays_unexplained_is_asked_for_seldom_and_what_is_new_at_once(
    vendor: Sandbox, read: str
) -> None:
    secret = {"symbol": "MSFT.US", "dividend": 0.5, "reported": False}
    vendor.post("/actions", {**secret, "date": MONDAY})
    publish(vendor, MONDAY)
    update_at(TUESDAY_MORNING, vendor, read)

    def night_of(day: int, action: dict[str, Any]) -> bool:
        """Whether its actions were asked for in the night after; the seam shows the change."""
        vendor.post("/actions", {"symbol": "MSFT.US", **action})
        publish(vendor, f"2026-11-{day}")
        begun = len(vendor.log())
        update_at(datetime(2026, 11, day + 1, 12, tzinfo=UTC), vendor, read)
        assert "MSFT.US" in named(vendor, begun, "eod")
        assert "MSFT.US" in assert_the_law(read)[1]
        return "MSFT.US" in named(vendor, begun)

    older = {"date": "2026-11-03", "dividend": 0.25}
    assert not night_of(10, older), "the finding is as old as it was"
    assert night_of(11, {**secret, "date": "2026-11-11"}), "there is a later one"
    assert not night_of(12, {"date": "2026-11-04", "dividend": 0.25})
    execute(read, "UPDATE assets SET actions_read_at = actions_read_at - interval '31 days'")
    assert night_of(13, {"date": "2026-11-05", "dividend": 0.25}), "it has changed since"


def test_a_finding_goes_when_the_vendor_explains_it(vendor: Sandbox, read: str) -> None:
    secret = {"symbol": "MSFT.US", "date": MONDAY, "split": "2/1", "reported": False}
    vendor.post("/actions", secret)
    publish(vendor, MONDAY)
    update_at(TUESDAY_MORNING, vendor, read)
    assert finding(read, "MSFT.US")
    # Told at last, by a list that somebody filled in.
    own = vendor.ask("/splits/MSFT.US", fmt="json").json()
    told = json.dumps([*own, {"date": MONDAY, "split": "2.000000/1.000000"}])
    tell(vendor, "splits", told.encode(), "MSFT.US")
    execute(read, "UPDATE assets SET actions_wanted_at = now() WHERE symbol = 'MSFT'")
    update_at(TUESDAY_MORNING, vendor, read)
    assert finding(read, "MSFT.US") is None
    assert "MSFT.US" in assert_the_law(read)[0]


def test_odd_forms_are_stored_for_what_they_say(vendor: Sandbox, unread: str) -> None:
    tell(vendor, "splits", SPLITS_TOLD)
    tell(vendor, "div", DIVIDENDS_TOLD)
    figures = update_at(SUNDAY_NOON, vendor, unread).as_dict()
    aapl = value(unread, "SELECT id FROM assets WHERE symbol = 'AAPL' AND exchange = 'US'")
    splits = (
        "SELECT date::text, numerator, denominator FROM splits WHERE asset_id = %s ORDER BY date"
    )
    assert rows(unread, splits, aapl) == [
        ("2008-05-14", 1.68414, 1.0),
        ("2009-01-07", 1.0, 10.0),
        ("2016-05-31", 114.80253, 100.0),
    ]
    dividends = (
        "SELECT date::text, value, unadjusted_value, currency, record_date, payment_date::text,"
        " period FROM dividends WHERE asset_id = %s ORDER BY date, value"
    )
    assert rows(unread, dividends, aapl) == [
        ("2011-02-09", 0.22, 0.22, "USD", None, "2011-02-15", None),
        ("2011-05-11", 0.22, 0.22, "EUR", None, None, "Quarterly"),
        ("2011-05-11", 1.0, 1.0, "USD", None, None, "Special"),
    ]
    rejected = "SELECT date::text, rule FROM rejected_rows WHERE asset_id = %s ORDER BY date"
    assert rows(unread, rejected, aapl) == [
        ("2011-08-10", "dividend is a number"),
        ("2011-11-09", "dividend is above zero"),
        ("2015-06-12", "split is above zero"),
        (None, "date is readable"),
    ]
    assert figures["rejected_by_rule"]["date is readable"] == 1
    assert "AAPL.US" in assert_the_law(unread)[1]


def test_ratios_beyond_all_numbers_are_stored_and_found(vendor: Sandbox, unread: str) -> None:
    days = [date(2024, 1, 2) + timedelta(n) for n in range(60)]
    told = ",".join(f'{{"date":"{day}","split":"1/900000000"}}' for day in days)
    tell(vendor, "splits", f"[{told}]".encode())
    tell(vendor, "div", b'[{"date":"2023-02-01","value":1}]')
    report = update_at(SUNDAY_NOON, vendor, unread)
    assert (report.ended_by, report.actions_failed) == (None, 0)
    assert finding(unread, "AAPL.US")


def test_hostile_codes_are_asked_for_by_their_own_name(vendor: Sandbox, unread: str) -> None:
    codes = ("M&M", "BRK-B", "A'; DROP TABLE splits; --", "^Ü 株+1")
    for code in codes:
        listing = {"action": "list", "symbol": f"{code}.US", "date": TUESDAY}
        vendor.post("/list", listing)
        vendor.post("/actions", {"symbol": listing["symbol"], "date": THURSDAY, "split": "3/1"})
        add_assets(unread, code, currency="USD")
    publish(vendor, THURSDAY)
    begun = len(vendor.log())
    report = update_at(FRIDAY_MORNING, vendor, unread)
    assert (report.ended_by, report.actions_failed) == (None, 0)
    assert {f"{code}.US" for code in codes} <= named(vendor, begun)
    assert {f"{code}.US" for code in codes} <= assert_the_law(unread)[0]


def test_the_plan_says_the_price(vendor: Sandbox, unread: str, tmp_path: Path) -> None:
    commands = commands_at(tmp_path, vendor, unread)
    counts: dict[str, int] = dict(
        rows(
            unread,
            "SELECT exchange, count(*) FROM assets WHERE actions_wanted_at IS NOT NULL GROUP BY 1",
        )
    )
    planned = commands.run("plan", "--json").answer
    steps = {
        (step["kind"], step["exchange"]): (step["assets"], step["calls"], step["requests"])
        for step in planned["steps"]
        if step["kind"] in ("splits", "dividends") and not step["sessions"]
    }
    assert steps == {
        (kind, exchange): (count, count, count)
        for kind in ("splits", "dividends")
        for exchange, count in counts.items()
    }
    assert planned["calls"] == sum(step["calls"] for step in planned["steps"])
    told = " ".join(commands.run("plan", "--exchange", "LSE").stdout.split())
    assert f"LSE: the dividends of {counts['LSE']} assets (dividends)" in told
