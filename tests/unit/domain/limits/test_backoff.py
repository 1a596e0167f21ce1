"""How long to wait: after a failed attempt, after a rate limit, for an asset without bars."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_nexus.domain.limits.backoff import (
    LONGEST_WAIT_SEC,
    SHORTEST_WAIT_SEC,
    UNSTATED_WAIT_SEC,
    Backoff,
    absence_days,
    poll_sec,
    retry_after_sec,
)

NOW = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(attempt=st.integers(1, 60), chance=CHANCES, base=st.floats(0, 10))
def test_a_wait_lies_between_nothing_and_the_doubled_base(
    attempt: int, chance: float, base: float
) -> None:
    assert 0 <= Backoff(4, base).wait_sec(attempt, chance) <= min(30, base * 2 ** (attempt - 1))


@pytest.mark.parametrize(
    ("attempt", "chance", "wait"),
    [(1, 0.0, 0), (1, 0.5, 0.25), (2, 0.5, 0.5), (3, 0.75, 1.5), (7, 0.5, 15), (60, 0.5, 15)],
)
def test_the_jitter_is_full(attempt: int, chance: float, wait: float) -> None:
    assert Backoff(4, 0.5).wait_sec(attempt, chance) == wait


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("2.5", 2.5),
        ("0", SHORTEST_WAIT_SEC),
        ("-0", SHORTEST_WAIT_SEC),
        ("900", 900.0),
        ("901", LONGEST_WAIT_SEC),
        ("1000000000", LONGEST_WAIT_SEC),
        ("9" * 5000, LONGEST_WAIT_SEC),
        ("Fri, 01 Mar 2024 12:00:30 GMT", 30.0),
        ("Fri, 01 Mar 2024 13:00:30 +0100", 30.0),
        ("Fri, 01 Mar 2024 12:00:30 -0000", 30.0),
        ("Sat, 02 Mar 2024 12:00:00 GMT", LONGEST_WAIT_SEC),
    ],
)
def test_a_rate_limit_that_says_how_long_is_obeyed_within_bounds(header: str, wait: float) -> None:
    assert retry_after_sec(header, NOW) == wait


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        " ",
        "soon",
        "-5",
        "-1000000000",
        "--5",
        "1e9",
        "inf",
        "nan",
        "1.2.3",
        ".",
        "0x10",
        "\u0663\u0660",  # 30 in Arabic digits
        "\u00b3",  # a superscript three, a digit to str.isdigit
        "\uff13\uff10",  # 30 in full-width digits
        "\x00",
        "Fri, 01 Mar 2024 11:59:30 GMT",
        "Fri, 99 Mar 2024 12:00:30 GMT",
        "Fri, 01 Mar 99999999999999999999 12:00:30 GMT",
        "Fri, 01 Mar 2024 12:00:30 +9999",
        "Sat, 01 Jan 0001 00:00:00 +2300",
    ],
)
def test_a_rate_limit_that_says_nothing_usable_is_waited_for_a_little(header: str | None) -> None:
    assert retry_after_sec(header, NOW) == UNSTATED_WAIT_SEC


@given(
    header=st.text(max_size=60)
    | st.text(alphabet="0123456789:, +-.GMTFriMa", max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,30} [A-Z][a-z]{2} \d{1,30} \d+:\d+:\d+ [-+]?\w{1,9}")
)
@example("Mon, 1 Jan 9999 23:59:59 -2300")
def test_no_header_whatever_leads_to_an_endless_wait_or_none(header: str) -> None:
    assert SHORTEST_WAIT_SEC <= retry_after_sec(header, NOW) <= LONGEST_WAIT_SEC


@pytest.mark.parametrize(
    ("times_empty", "days"), [(0, 1), (1, 1), (2, 2), (3, 4), (7, 64), (8, 64), (1000, 64)]
)
def test_an_absent_asset_is_left_alone_ever_longer_up_to_64_days(
    times_empty: int, days: float
) -> None:
    assert absence_days(times_empty) == days


def test_a_worker_all_of_whose_assets_fail_walks_less_and_less_often() -> None:
    assert [poll_sec(15.0, times) for times in (0, 1, 2, 5, 1000)] == [15, 30, 60, 300, 300]
    assert poll_sec(900.0, 3) == 900.0
