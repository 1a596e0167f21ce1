"""Hostile and broken bulk answers: nothing wrong is stored, nothing vanishes without a reason."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from data_nexus.events import Event, Warned
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, snapshot, value
from tests.support.vendor.nights import update_at
from tests.support.vendor.truth import differences, truth
from tests.support.vendor.update_field import MONDAY, TUESDAY, UpdateField, update_field

SYMBOLS = 420
BULK = "eod-bulk-last-day"
# The second request is for the prices of the session before.
PRICES, SPLITS, DIVIDENDS = 1, 3, 4
Row = dict[str, Any]


@pytest.fixture(scope="module")
def module_field(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[UpdateField]:
    folder = tmp_path_factory.mktemp("field")
    with update_field(cluster, folder, SYMBOLS, through=TUESDAY) as field:
        yield field


@pytest.fixture
def field(module_field: UpdateField) -> Iterator[UpdateField]:
    with module_field.round():
        yield module_field


def told(field: UpdateField, feed: str = "") -> list[Row]:
    """What the vendor says of Monday."""
    kind = {"type": feed} if feed else {}
    return list(field.vendor.ask(f"/{BULK}/US", fmt="json", date=TUESDAY, **kind).json())


def answer(field: UpdateField, request: int, body: bytes | list[Row]) -> None:
    """Let the vendor give this answer to a session's request of that number."""
    for _ in range(request - 1):
        slow = {"kind": "slow", "bytes_per_sec": 100_000_000, "times": 1}
        field.vendor.post("/faults", slow | {"endpoint": BULK})
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    hostile = {"kind": "hostile_json", "body_base64": b64encode(text).decode(), "times": 1}
    field.vendor.post("/faults", hostile | {"endpoint": BULK})


def update(field: UpdateField) -> tuple[dict[str, Any], list[str]]:
    """Update on the morning after; the figures and the warnings."""
    warned: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, Warned):
            warned.append(event.text)

    report = update_at(field.now, field.vendor, field.url, None, observe)
    assert report.ended_by is None
    field.assert_sound()
    return report.as_dict(), warned


def rejected(field: UpdateField) -> list[tuple[Any, ...]]:
    query = (
        "SELECT a.symbol, r.date::text, r.rule FROM rejected_rows r JOIN assets a"
        " ON a.id = r.asset_id ORDER BY 1, 3"
    )
    return rows(field.url, query)


def assert_all_true(field: UpdateField, lost: int = 0) -> None:
    counts = differences(field.url, truth(field.vendor))
    assert (counts["lost"], counts["invented"]) == (lost, 0)


def of(prices: list[Row], code: str) -> Row:
    (found,) = (row for row in prices if row["code"] == code)
    return found


def without_actions(field: UpdateField, prices: list[Row], count: int) -> list[str]:
    """Codes that no feed of Monday names."""
    named = {row["code"] for feed in ("splits", "dividends") for row in told(field, feed)}
    return [row["code"] for row in prices if row["code"] not in named][:count]


def test_rows_of_others_and_doubles_change_nothing(field: UpdateField) -> None:
    prices = told(field)
    hostile = [
        {**prices[0], "code": "NOT-OURS"},
        {**prices[1], "exchange_short_name": "LSE"},
        {**prices[2], "date": MONDAY},
        {**prices[3], "date": "2026-02-31"},
        prices[4],
        {**prices[5], "code": "NUL\0"},
        {**prices[6], "code": "X" * 10_000},
        {**prices[7], "code": "../../etc", "name": "y" * 10_000},
        {**prices[8], "code": None},
        {**prices[9], "code": "É\u202e"},
    ]
    answer(field, PRICES, [*prices, *hostile])
    figures, warned = update(field)
    assert_all_true(field)
    assert figures["inserted"] == SYMBOLS
    assert rejected(field) == sorted(
        [
            (prices[1]["code"], TUESDAY, "exchange is the one asked for"),
            (prices[2]["code"], TUESDAY, "date is the one asked for"),
            (prices[3]["code"], TUESDAY, "date is readable"),
        ]
    )
    assert any("8 rows of 2026-11-10 cannot be read; 5 of them" in text for text in warned), warned


def test_rows_that_contradict_each_other_are_put_aside_and_the_asset_is_read_by_itself(
    field: UpdateField,
) -> None:
    prices = told(field)
    (code,) = without_actions(field, prices, 1)
    answer(field, PRICES, [*prices, {**of(prices, code), "close": 1.0}])
    update(field)
    assert_all_true(field)
    assert rejected(field) == [(code, TUESDAY, "code has one bar")] * 2


@pytest.mark.parametrize(
    "absurd",
    [
        {"close": 1e-300, "adjusted_close": 1e308},
        {"close": 1e308, "high": 1e308, "adjusted_close": 1e308},
        {"adjusted_close": 1e308},
        {"adjusted_close": 1e-300},
        {"open": 1e300, "high": 1e301, "low": 1e299, "close": 1e300, "adjusted_close": 1e300},
    ],
)
def test_absurd_prices_are_asked_for_individually(field: UpdateField, absurd: Row) -> None:
    prices = told(field)
    (code,) = without_actions(field, prices, 1)
    of(prices, code).update(absurd)
    answer(field, PRICES, prices)
    update(field)
    assert_all_true(field)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ({"close": None}, "close is a number"),
        ({"close": "12.5"}, "close is a number"),
        ({"close": -1}, "close is above zero"),
    ],
)
def test_a_row_that_is_no_bar_is_rejected_with_its_reason_and_the_asset_read_individually(
    field: UpdateField, broken: Row, rule: str
) -> None:
    prices = told(field)
    (code,) = without_actions(field, prices, 1)
    of(prices, code).update(broken)
    answer(field, PRICES, prices)
    figures, _ = update(field)
    assert_all_true(field)
    assert value(field.url, "SELECT count(*) FROM suspicions") == 0
    (row,) = rejected(field)
    assert row[:2] == (code, TUESDAY)
    assert (figures["rejected"], sum(figures["rejected_by_rule"].values())) == (1, 1), rule


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"[",
        b"{}",
        b"[1, 2]",
        b"null",
        b"<html>",
        b"\xff\xfe",
        b'[{"code": "\\ud800"}]',
        b"[" * 100_000,
        b'[{"code": "AAPL"}]',
    ],
)
def test_an_answer_that_is_none_stores_nothing_and_leaves_all_due(
    field: UpdateField, body: bytes
) -> None:
    before = snapshot(field.url, "market_data", "sync_log", "rejected_rows", "splits")
    for _ in range(6):
        answer(field, PRICES, body)
    figures, warned = update(field)
    assert snapshot(field.url, "market_data", "sync_log", "rejected_rows", "splits") == before
    assert figures["synced"] == 0
    assert warned
    field.vendor.delete("/faults")
    update(field)
    assert_all_true(field)


@pytest.mark.parametrize("close", [0, None])
def test_a_session_of_rows_that_are_no_bars_moves_no_cursor(
    field: UpdateField, close: float | None
) -> None:
    """As a vendor may have them that has made the rows and not filled them yet."""
    answer(field, PRICES, [{**row, "close": close} for row in told(field)])
    update(field)
    assert value(field.url, "SELECT max(synced_through)::text FROM assets") == MONDAY
    update(field)
    assert_all_true(field)


def test_yesterdays_answer_for_today_stores_nothing(field: UpdateField) -> None:
    before = snapshot(field.url, "market_data", "sync_log")
    answer(field, PRICES, [{**row, "date": MONDAY} for row in told(field)])
    update(field)
    assert snapshot(field.url, "market_data", "sync_log") == before
    update(field)
    assert_all_true(field)


@pytest.mark.parametrize("request_number", [SPLITS, DIVIDENDS])
def test_a_feed_that_is_none_keeps_the_prices_out(field: UpdateField, request_number: int) -> None:
    before = snapshot(field.url, "market_data", "sync_log")
    answer(field, request_number, b'{"message": "no"}')
    figures, _ = update(field)
    assert (figures["failed"], figures["synced"]) == (SYMBOLS, 0)
    assert snapshot(field.url, "market_data", "sync_log") == before
    update(field)
    assert_all_true(field)


def test_a_row_that_postgresql_refuses_holds_nobody_else_back(field: UpdateField) -> None:
    (code,) = without_actions(field, told(field), 1)
    asset_id = int(value(field.url, "SELECT id FROM assets WHERE symbol = %s", code))
    execute(
        field.url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE check_violation; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON market_data FOR EACH ROW"
        f" WHEN (NEW.asset_id = {asset_id}) EXECUTE FUNCTION refuse()",
    )
    figures, _ = update(field)
    assert (figures["failed"], figures["parked"]) == (0, 1)
    parked = "SELECT symbol FROM assets WHERE parked_at IS NOT NULL"
    assert rows(field.url, parked) == [(code,)], "asked for by itself it is refused, too"
    assert_all_true(field, lost=1)


def test_rows_of_a_feed_that_cannot_be_read_are_put_aside_with_their_rule(
    field: UpdateField,
) -> None:
    prices, feed = told(field), told(field, "splits")
    one, two, three = without_actions(field, prices, 3)
    known = {"exchange": "US", "date": TUESDAY}
    garbage: list[Row] = [
        {**known, "code": one, "split": "four for one"},
        {**known, "code": two, "split": "0.000000/1.000000"},
        {**known, "code": three, "split": "2/1"},
        {**known, "code": three, "split": "3/1"},
        {**known, "code": "NOT-OURS", "split": None},
        {**known, "code": "NUL\0", "split": "2/1"},
    ]
    answer(field, SPLITS, [*feed, *garbage])
    begun = field.requests()
    figures, warned = update(field)
    assert rejected(field) == sorted(
        [
            (one, TUESDAY, "split is a ratio"),
            (two, TUESDAY, "split is above zero"),
            *[(three, TUESDAY, "date has one split")] * 2,
        ]
    )
    read = {entry["symbol"] for entry in field.asked(begun) if entry["endpoint"] == "eod"}
    assert {f"{code}.US" for code in (one, two, three)} <= read, "they are asked for by themselves"
    assert sum(figures["rejected_by_rule"].values()) == len(garbage)
    assert any("6 rows of 2026-11-10 cannot be read; 2 of them" in text for text in warned), warned
    assert_all_true(field)
