"""The control port changes the truth as the vendor's world does, and tells it."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from tests.support.vendor.sandbox import Sandbox, fetch, sandbox

SYMBOL = "AAPL.US"
Row = dict[str, Any]


@pytest.fixture
def vendor() -> Iterator[Sandbox]:
    options = {"symbols": 6, "clean": True, "bars_per_symbol": 40, "now": "2026-11-20T12:00:00"}
    with sandbox(**options) as running:  # type: ignore[arg-type]
        yield running


def rows(vendor: Sandbox, symbol: str = SYMBOL) -> list[Row]:
    return list(vendor.ask(f"/eod/{urllib.parse.quote(symbol)}", fmt="json").json())


def codes(vendor: Sandbox, **query: int) -> list[str]:
    reply = vendor.ask("/exchange-symbol-list/US", fmt="json", **query)
    return [row["Code"] for row in reply.json()]


def test_sessions_appear_as_the_clock_goes_on(vendor: Sandbox) -> None:
    before = rows(vendor)
    vendor.post("/clock", {"advance_sec": 86_400})
    after = rows(vendor)
    assert before[-1]["date"] == "2026-11-19"
    assert [row["date"] for row in after[len(before) :]] == ["2026-11-20"]
    assert after[: len(before)] == before


def test_sessions_are_published_by_hand(vendor: Sandbox) -> None:
    vendor.post("/publish", {"exchange": "US", "date": "2026-11-17"})
    assert rows(vendor)[-1]["date"] == "2026-11-17"
    vendor.post("/publish", {"exchange": "US", "date": None})
    assert rows(vendor)[-1]["date"] == "2026-11-19"


def test_a_split_rebases_the_history_before_it(vendor: Sandbox) -> None:
    before = rows(vendor)
    vendor.post("/actions", {"symbol": SYMBOL, "date": "2026-11-18", "split": "4/1"})
    after = rows(vendor)
    old, new = before[:-2], after[:-2]
    assert new[-1]["date"] == "2026-11-17"
    assert [row["close"] for row in new] == [row["close"] for row in old]
    assert [row["volume"] for row in new] == [row["volume"] * 4 for row in old]
    assert [row["adjusted_close"] for row in new] == pytest.approx(
        [row["adjusted_close"] / 4 for row in old], abs=1e-4
    )
    assert after[-2:] == before[-2:]
    splits = vendor.ask(f"/splits/{SYMBOL}", fmt="json").json()
    assert splits[-1] == {"date": "2026-11-18", "split": "4.000000/1.000000"}


def test_prices_follow_a_split_that_was_announced(vendor: Sandbox) -> None:
    plain = rows(vendor)
    vendor.post("/actions", {"symbol": SYMBOL, "date": "2026-11-20", "split": "4/1"})
    assert rows(vendor) == plain
    vendor.post("/clock", {"advance_sec": 86_400})
    after = rows(vendor)
    assert after[-1]["close"] < plain[-1]["close"] / 2
    assert after[-1]["adjusted_close"] == after[-1]["close"]
    assert after[-2]["adjusted_close"] == pytest.approx(after[-2]["close"] / 4, abs=1e-4)


def test_a_dividend_rebases_only_the_adjusted_close(vendor: Sandbox) -> None:
    before = rows(vendor)
    action = {"symbol": SYMBOL, "date": "2026-11-18", "dividend": 0.5, "period": "Quarterly"}
    vendor.post("/actions", action)
    after = rows(vendor)
    factor = 1 - 0.5 / before[-3]["close"]
    assert [row["adjusted_close"] for row in after[:-2]] == pytest.approx(
        [row["adjusted_close"] * factor for row in before[:-2]], abs=2e-4
    )
    unchanged = ("open", "high", "low", "close", "volume")
    assert [[row[name] for name in unchanged] for row in after] == [
        [row[name] for name in unchanged] for row in before
    ]
    paid = vendor.ask(f"/div/{SYMBOL}", fmt="json").json()[-1]
    assert (paid["date"], paid["value"], paid["period"]) == ("2026-11-18", 0.5, "Quarterly")


@pytest.mark.parametrize(
    ("path", "bulk", "action"),
    [("splits", "splits", {"split": "4/1"}), ("div", "dividends", {"dividend": 0.5})],
)
def test_an_action_that_is_not_told_shows_in_the_bars_alone(
    vendor: Sandbox, path: str, bulk: str, action: Row
) -> None:
    day = "2026-11-18"

    def lists() -> list[bytes]:
        own = vendor.ask(f"/{path}/{SYMBOL}", fmt="json")
        return [own.body, vendor.ask("/eod-bulk-last-day/US", type=bulk, date=day).body]

    before, told = rows(vendor), lists()
    vendor.post("/actions", {"symbol": SYMBOL, "date": day, "reported": False, **action})
    assert lists() == told
    after = rows(vendor)
    assert after[-3]["adjusted_close"] < before[-3]["adjusted_close"]
    assert after[-2:] == before[-2:]


def test_a_bar_is_restated_alone(vendor: Sandbox) -> None:
    before = rows(vendor)
    wish = {"symbol": SYMBOL, "date": before[5]["date"], "volume": 77, "high": 9999.5}
    vendor.post("/restate", wish)
    after = rows(vendor)
    assert after[5] == {**before[5], "volume": 77, "high": 9999.5}
    assert after[:5] + after[6:] == before[:5] + before[6:]


def test_a_factor_that_no_feed_tells_scales_the_adjusted_closes_before_it(vendor: Sandbox) -> None:
    before = rows(vendor)
    vendor.post("/factor", {"symbol": SYMBOL, "date": "2026-11-18", "factor": 0.5})
    after = rows(vendor)
    assert [row["adjusted_close"] for row in after[:-2]] == pytest.approx(
        [row["adjusted_close"] / 2 for row in before[:-2]], abs=1e-4
    )
    assert after[-2:] == before[-2:]
    assert [row["close"] for row in after] == [row["close"] for row in before]
    for feed in ("splits", "dividends"):
        assert vendor.ask("/eod-bulk-last-day/US", date="2026-11-18", type=feed).json() == []


def test_a_bar_that_is_held_comes_with_a_later_session(vendor: Sandbox) -> None:
    hold = {"symbol": SYMBOL, "date": "2026-11-20", "until": "2026-11-23"}
    vendor.post("/hold", hold)
    vendor.post("/publish", {"exchange": "US", "date": "2026-11-20"})
    assert rows(vendor)[-1]["date"] == "2026-11-19"
    bulk = vendor.ask("/eod-bulk-last-day/US", date="2026-11-20").json()
    assert len(bulk) == 5
    vendor.post("/publish", {"exchange": "US", "date": "2026-11-23"})
    assert [row["date"] for row in rows(vendor)[-2:]] == ["2026-11-20", "2026-11-23"]


def test_a_delisted_symbol_moves_to_the_dead_and_keeps_its_bars(vendor: Sandbox) -> None:
    before = rows(vendor)
    vendor.post("/list", {"symbol": SYMBOL, "action": "delist"})
    vendor.post("/clock", {"advance_sec": 10 * 86_400})
    assert "AAPL" not in codes(vendor)
    assert codes(vendor, delisted=1) == ["AAPL"]
    assert rows(vendor) == before


def test_a_renamed_symbol_takes_its_history_along(vendor: Sandbox) -> None:
    before = rows(vendor)
    vendor.post("/list", {"symbol": SYMBOL, "action": "rename", "to": "PEAR"})
    assert rows(vendor, "PEAR.US") == before
    assert vendor.ask(f"/eod/{SYMBOL}", fmt="json").status == 404
    change = vendor.ask("/symbol-change-history").json()[-1]
    assert (change["old_symbol"], change["new_symbol"]) == ("AAPL", "PEAR")


def test_a_code_is_used_again_by_a_newcomer(vendor: Sandbox) -> None:
    before = rows(vendor)
    vendor.post("/list", {"symbol": SYMBOL, "action": "rename", "to": "AAPL_old"})
    vendor.post("/list", {"symbol": "AAPL_old.US", "action": "delist"})
    vendor.post("/list", {"symbol": SYMBOL, "action": "list", "name": "Apple & Sons"})
    vendor.post("/clock", {"advance_sec": 5 * 86_400})
    assert rows(vendor, "AAPL_old.US") == before
    assert [row["date"] for row in rows(vendor)] == ["2026-11-20", "2026-11-23", "2026-11-24"]
    listed = vendor.ask("/exchange-symbol-list/US", fmt="json").json()
    assert [row["Name"] for row in listed if row["Code"] == "AAPL"] == ["Apple & Sons"]


def test_a_reused_code_leaves_its_former_bearer_among_the_dead(vendor: Sandbox) -> None:
    before = rows(vendor)
    newcomer = {"symbol": SYMBOL, "action": "reuse", "name": "Sunrise Farms"}
    vendor.post("/list", newcomer)
    vendor.post("/clock", {"advance_sec": 5 * 86_400})
    assert rows(vendor, "AAPL_old.US") == before
    assert [row["date"] for row in rows(vendor)] == ["2026-11-20", "2026-11-23", "2026-11-24"]
    vendor.post("/list", newcomer | {"name": "Third Inc"})
    assert codes(vendor, delisted=1) == ["AAPL_old", "AAPL_old1"]
    assert vendor.ask("/symbol-change-history").json() == []


def test_a_shrunken_list_is_undone(vendor: Sandbox) -> None:
    whole = codes(vendor)
    vendor.post("/shrink", {"exchange": "US", "share": 0.5})
    assert codes(vendor) == whole[:3]
    vendor.post("/shrink", {"exchange": "US", "share": 1})
    assert codes(vendor) == whole


def test_the_truth_is_what_is_served(vendor: Sandbox) -> None:
    vendor.post("/actions", {"symbol": SYMBOL, "date": "2026-11-18", "split": "3/2"})
    served = rows(vendor)
    columns = vendor.get(f"/truth/{SYMBOL}")
    assert columns == {name: [row[name] for row in served] for name in served[0]}
    table = pa.ipc.open_stream(vendor.get("/truth")).read_all()
    assert table.num_rows == 6 * 40
    own = [row for row in table.to_pylist() if row["symbol"] == SYMBOL]
    assert [{**row, "date": str(row["date"])} for row in own] == [
        {"symbol": SYMBOL, **row} for row in served
    ]


def test_bulk_actions_come_out_on_their_day_and_not_before(vendor: Sandbox) -> None:
    def bulk(kind: str) -> list[Row]:
        query = {"date": "2026-11-20", "type": kind}
        return list(vendor.ask("/eod-bulk-last-day/US", **query).json())

    before = [bulk("splits"), bulk("dividends")]
    vendor.post("/actions", {"symbol": SYMBOL, "date": "2026-11-20", "split": "3/2"})
    vendor.post("/actions", {"symbol": "VTI.US", "date": "2026-11-20", "dividend": 1.5})
    assert [bulk("splits"), bulk("dividends")] == before == [[], []]
    vendor.post("/clock", {"advance_sec": 86_400})
    split = [row["split"] for row in bulk("splits") if row["code"] == "AAPL"]
    paid = [row["dividend"] for row in bulk("dividends") if row["code"] == "VTI"]
    assert (split, paid) == (["3.000000/2.000000"], ["1.50000"])


def test_a_shrunken_list_leaves_the_bulk_day_whole(vendor: Sandbox) -> None:
    vendor.post("/shrink", {"exchange": "US", "share": 0.5})
    assert len(vendor.ask("/eod-bulk-last-day/US").json()) == 6


def test_warming_renders_every_history(vendor: Sandbox) -> None:
    warmed = vendor.post("/warm")
    assert (warmed["symbols"], warmed["rows"], warmed["kept"]) == (6, 240, 6)
    stats = vendor.get("/stats")
    assert (stats["rendered"], stats["requests"], stats["symbols"]) == (6, 0, 6)


def test_the_cache_stays_within_its_bytes() -> None:
    with sandbox(symbols=40, clean=True, years=5, cache=1) as vendor:
        warmed = vendor.post("/warm")
        assert warmed["symbols"] == 40
        assert 1 < warmed["kept"] < 40
        assert warmed["bytes"] <= 1 << 20


def test_the_version_rises_with_every_change_and_is_logged(vendor: Sandbox) -> None:
    rows(vendor)
    vendor.post("/restate", {"symbol": SYMBOL, "date": "2026-11-18", "volume": 1})
    rows(vendor)
    entries = vendor.log()
    assert [entry["version"] for entry in entries] == [0, 1]
    assert entries[0]["sha256"] != entries[1]["sha256"]


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("/actions", b'{"symbol": "NOPE.US", "date": "2026-11-18", "split": "4/1"}'),
        ("/actions", b'{"symbol": "AAPL.US", "date": "soon", "split": "4/1"}'),
        ("/list", b'{"symbol": "AAPL.US", "action": "explode"}'),
        ("/faults", b'{"kind": "earthquake"}'),
        ("/publish", b"[]"),
        ("/clock", b"not json"),
    ],
)
def test_what_is_not_understood_is_refused_with_a_reason(
    vendor: Sandbox, path: str, wish: bytes
) -> None:
    reply = fetch(f"{vendor.control}{path}", "POST", wish)
    assert reply.status == 400
    assert reply.json()["error"]


def control_answer(vendor: Sandbox, headers: dict[str, str]) -> int:
    """The status of a fault that is set with these headers."""
    content = {"Content-Type": "application/json"}
    request = urllib.request.Request(  # noqa: S310 - http to 127.0.0.1
        f"{vendor.control}/faults", b'{"kind": "hang"}', content | headers
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:7802"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:7802"}, 403),
        ({"Host": "evil.example#127.0.0.1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_only_tools_of_this_machine_use_the_controls(
    vendor: Sandbox, headers: dict[str, str], status: int
) -> None:
    assert control_answer(vendor, headers) == status
    assert len(vendor.get("/faults")) == (status == 200)
