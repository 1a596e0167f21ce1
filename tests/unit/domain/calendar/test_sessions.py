"""Which days are sessions: of calendars, of rules, and of exchanges that are unknown.

The expected answers are written by hand, from the exchanges' published holidays.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import numpy as np
import pytest

from data_nexus.domain.bars import Days, days
from data_nexus.domain.calendar.exchanges import LIBRARY, RULES, sessions_of
from data_nexus.domain.calendar.sessions import Sessions, day_date
from data_nexus.sandbox.market import calendar as sandbox


def moment(text: str) -> dt.datetime:
    """A moment of UTC, as `2026-03-09 20:15`."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def dates(found: Days) -> list[str]:
    return [str(day_date(number)) for number in found.tolist()]


def sessions(exchange: str, first: str, last: str) -> list[str]:
    """The sessions of an exchange from one date to another."""
    return dates(sessions_of(exchange, day(last)).between(day(first), day(last)))


def test_nothing_is_said_of_the_time_before_a_calendar_begins() -> None:
    assert sessions("SR", "2019-01-01", "2021-01-05") == ["2021-01-03", "2021-01-04", "2021-01-05"]
    assert not sessions_of("SR", day("2021-01-01")).is_exact(day("2020-12-31"))


def test_sessions_lie_between_two_dates_with_both_ends() -> None:
    assert sessions("US", "2025-12-24", "2026-01-02") == [
        "2025-12-24",
        "2025-12-26",
        "2025-12-29",
        "2025-12-30",
        "2025-12-31",
        "2026-01-02",
    ]
    assert sessions("US", "2025-12-25", "2025-12-25") == []
    assert sessions("US", "2026-01-02", "2025-12-24") == []


def test_a_hole_is_a_session_that_is_not_stored() -> None:
    held = sessions_of("US", day("2026-01-31"))
    stored = np.array(
        [days(day(text)) for text in ("2025-12-24", "2025-12-25", "2025-12-30", "2026-01-02")],
        dtype=np.int32,
    )
    holes = held.missing(stored, day("2025-12-24"), day("2026-01-04"))
    assert dates(holes) == ["2025-12-26", "2025-12-29", "2025-12-31"]
    assert holes.dtype == np.int32


def test_a_session_is_past_when_it_has_closed() -> None:
    held = sessions_of("US", day("2026-01-31"))
    assert held.last_before(moment("2025-12-24 17:59:59")) == day("2025-12-23")
    assert held.last_before(moment("2025-12-24 18:00")) == day("2025-12-24")
    assert held.last_before(moment("1959-01-01 00:00")) is None


def test_new_york_kept_christmas_before_1970_too() -> None:
    assert sessions("US", "1962-12-24", "1962-12-26") == ["1962-12-24", "1962-12-26"]


def test_korea_traded_on_saturdays_until_1998() -> None:
    assert sessions("KO", "1998-12-04", "1998-12-14") == [
        "1998-12-04",
        "1998-12-05",
        "1998-12-07",
        "1998-12-08",
        "1998-12-09",
        "1998-12-10",
        "1998-12-11",
        "1998-12-14",
    ]


def test_new_york_agrees_with_the_sandboxes_own_rules() -> None:
    first, last = dt.date(1998, 1, 1), dt.date(2027, 12, 31)
    theirs = sandbox.sessions("US", first, last).astype(np.int32)
    assert np.array_equal(sessions_of("US", last).between(first, last), theirs)


def test_who_asks_for_no_calendar_does_not_wait_for_the_library() -> None:
    code = "import sys, data_nexus.domain.calendar.publication; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "exchange", sorted({name: code for code, name in LIBRARY.items()}.values())
)
def test_every_calendar_can_be_made(exchange: str) -> None:
    held = sessions_of(exchange, day("2026-12-31"))
    assert_consecutive(held)
    year = held.between(day("2025-01-01"), day("2025-12-31"))
    assert 235 <= len(year) <= 262  # Istanbul to Frankfurt; a broken rule loses or adds a weekday


@pytest.mark.parametrize("exchange", [*RULES, "EGX", "INDX"])
def test_a_rule_gives_sessions_like_a_calendar(exchange: str) -> None:
    assert_consecutive(sessions_of(exchange, day("2026-12-31")))


def assert_consecutive(held: Sessions) -> None:
    """Each session closes after the one before, on its own date or early on the next."""
    assert len(held) == len(held.closes) > 2000
    assert (held.days.dtype.name, held.closes.dtype.name) == ("int32", "int64")
    assert (np.diff(held.days) > 0).all()
    assert (np.diff(held.closes) > 0).all()
    since_midnight = held.closes - held.days.astype(np.int64) * 86400
    assert ((since_midnight > 0) & (since_midnight <= 86400)).all()
    with pytest.raises(ValueError, match="read-only"):
        held.days[0] = 0
