"""How far an answer moves the cursors: never past what is published, and settled later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.calendar.publication import (
    PublicationKind,
    Published,
    last_published,
    published_through,
)
from data_nexus.domain.planning.cursor import Reach, reach_of_due, reach_of_history

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, 9) + timedelta(n) for n in range(3))
THURSDAY = WEDNESDAY + timedelta(1)
BEGIN, END = datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2026-11-20")
OUT = Published(WEDNESDAY, TUESDAY, MONDAY)


@pytest.mark.parametrize(
    ("seen", "reach"),
    [
        (WEDNESDAY, Reach(WEDNESDAY, TUESDAY)),
        # A bar of the running session proves that the one before is out, and no more.
        (THURSDAY, Reach(WEDNESDAY, TUESDAY)),
        # Wednesday is late: what Tuesday says may still change.
        (TUESDAY, Reach(TUESDAY, MONDAY)),
        (date.min, Reach(TUESDAY, MONDAY)),
    ],
)
def test_an_answer_proves_a_session_of_which_any_bar_was_seen(seen: date, reach: Reach) -> None:
    assert reach_of_due(OUT, seen) == reach


@pytest.mark.parametrize(
    ("last_bar", "reach"),
    [
        (THURSDAY, Reach(WEDNESDAY, TUESDAY)),
        (WEDNESDAY, Reach(WEDNESDAY, TUESDAY)),
        (TUESDAY, Reach(TUESDAY, MONDAY)),
        (date(2010, 1, 4), Reach(date(2010, 1, 4), date(2010, 1, 4))),
        (None, Reach(None, None)),
    ],
)
def test_a_history_speaks_as_far_as_it_has_bars_that_are_published(
    last_bar: date | None, reach: Reach
) -> None:
    assert reach_of_history(OUT, last_bar) == reach


@pytest.mark.parametrize("reach_of", [reach_of_due, reach_of_history])
@given(st.dates(date(2026, 10, 1), date(2026, 12, 1)))
def test_no_reach_is_ahead_of_what_is_published_and_none_is_settled_at_once(
    reach_of: Callable[[Published, date], Reach], seen: date
) -> None:
    reach = reach_of(OUT, seen)
    assert reach.passes_to is not None
    assert reach.settles_to is not None
    assert reach.passes_to <= OUT.last
    assert reach.settles_to <= min(reach.passes_to, OUT.before)


@given(st.datetimes(BEGIN, END, timezones=st.just(UTC)), st.sampled_from(["US", "LSE", "CC"]))
def test_the_sessions_before_the_last_one_follow_each_other(now: datetime, exchange: str) -> None:
    found = last_published(exchange, PublicationKind.TRADED, now)
    assert found.last == published_through(exchange, PublicationKind.TRADED, now)
    assert found.earlier < found.before < found.last
