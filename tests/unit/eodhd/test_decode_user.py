"""The account's answer: a count to reckon with, or a typed refusal, whatever was sent."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.eodhd.decode_user import AccountUsage, decode_user
from data_nexus.errors import BrokenAnswer, NotAnAnswer

MOST = 500_000_000
GOOD = {"apiRequests": 12, "apiRequestsDate": "2026-11-08", "dailyRateLimit": 100_000}


def body(**values: object) -> bytes:
    return json.dumps({**GOOD, **values}).encode()


def test_the_count_is_read() -> None:
    found = decode_user(body(extraLimit=500, name="somebody", subscriptionMode="paid"))
    assert found == AccountUsage(12, date(2026, 11, 8), 100_000, 500, "paid")


@pytest.mark.parametrize("mode", [None, 7, [], {}, "", " ", True])
def test_a_mode_that_is_no_text_costs_the_count_nothing(mode: object) -> None:
    found = decode_user(body(subscriptionMode=mode, subscriptionType="free"))
    assert (found.spent, found.mode) == (12, "free")


def test_a_mode_is_bounded_and_visible() -> None:
    found = decode_user(body(subscriptionMode="\x1b[31m" + "x" * 500))
    assert found.mode.startswith("\N{SYMBOL FOR ESCAPE}[31mxxx")
    assert len(found.mode) == 30


def test_what_is_not_there_is_nothing() -> None:
    found = decode_user(b'{"apiRequests": 0, "dailyRateLimit": 20}')
    assert found == AccountUsage(0, None, 20, 0)


@pytest.mark.parametrize("key", ["apiRequests", "dailyRateLimit", "extraLimit"])
@pytest.mark.parametrize("number", [MOST + 1, 2**31, 9_999_999_999, 2**63, 10**30])
def test_a_number_beyond_any_plan_is_the_largest(key: str, number: int) -> None:
    """The ledger's columns hold 32 bits; *unlimited* is told by such numbers."""
    try:
        found = decode_user(body(**{key: number}))
    except (NotAnAnswer, BrokenAnswer):
        assert number >= 2**63, "the parser's own bound"
        return
    assert MOST in (found.spent, found.day_limit, found.extra)


@pytest.mark.parametrize("key", ["apiRequests", "dailyRateLimit", "extraLimit"])
@pytest.mark.parametrize("value", [-1, -(2**40), 1.5, True, "many", [], {}])
def test_what_is_no_count_is_no_answer(key: str, value: object) -> None:
    with pytest.raises(NotAnAnswer):
        decode_user(body(**{key: value}))


@pytest.mark.parametrize("digits", [20, 400, 4_300, 5_000, 100_000])
def test_no_number_of_digits_is_an_error_of_ours(digits: int) -> None:
    for text in ("9" * digits, "-" + "9" * digits, "1e" + "9" * digits, "0." + "9" * digits):
        for sent in (text, f'"{text}"'):
            try:
                decode_user(f'{{"apiRequests": {sent}, "dailyRateLimit": 5}}'.encode())
            except (NotAnAnswer, BrokenAnswer):
                continue


@pytest.mark.parametrize(
    "when", ["0000-00-00", "2026-02-30", "10000-01-01", "today", "2026-1-5", "\u0662026-01-01", 7]
)
def test_what_is_no_date_is_no_answer(when: object) -> None:
    with pytest.raises(NotAnAnswer):
        decode_user(body(apiRequestsDate=when))


@given(
    st.dictionaries(
        st.sampled_from(["apiRequests", "apiRequestsDate", "dailyRateLimit", "extraLimit"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.dates().map(str)
        | st.lists(st.integers()),
    ).map(lambda sent: json.dumps(sent).encode())
    | st.binary()
)
def test_whatever_is_sent_becomes_a_count_or_a_typed_refusal(sent: bytes) -> None:
    try:
        found = decode_user(sent)
    except (NotAnAnswer, BrokenAnswer):
        return
    assert min(found.spent, found.day_limit, found.extra) >= 0
    assert max(found.spent, found.day_limit, found.extra) <= MOST
