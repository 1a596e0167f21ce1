"""The headers about the minute: numbers within reason, or as if there were none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.eodhd.client import MinuteLimit, minute_limit

MOST = 10_000_000


def read(limit: str, remaining: str) -> MinuteLimit | None:
    return minute_limit({"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining})


@pytest.mark.parametrize(
    ("limit", "remaining", "found"),
    [
        ("1000", "999", MinuteLimit(1000, 999)),
        ("1000", "0", MinuteLimit(1000, 0)),
        ("1", "00", MinuteLimit(1, 0)),
        ("9" * 5_000, "999", MinuteLimit(MOST, 999)),
        ("1000", "9" * 5_000, MinuteLimit(1000, MOST)),
        ("2147483648", "4294967296", MinuteLimit(MOST, MOST)),
        ("0", "0", None),
        ("-5", "3", None),
        ("1000", "-1", None),
        ("1000", "", None),
        ("", "5", None),
        ("1e3", "5", None),
        ("\u0661\u0660", "5", None),
        ("\u00b2", "5", None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_limit_is_a_number_within_reason(
    limit: str, remaining: str, found: MinuteLimit | None
) -> None:
    assert read(limit, remaining) == found


def test_without_headers_nothing_is_learned() -> None:
    assert minute_limit({}) is None


@given(st.text(), st.text() | st.integers().map(str))
def test_no_header_whatever_is_an_error(limit: str, remaining: str) -> None:
    found = read(limit, remaining)
    assert found is None or (0 < found.limit <= MOST and 0 <= found.remaining <= MOST)
