"""What the bars of several assets say against a calendar, and what they do not."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from data_nexus.domain.bars import Bars, days
from data_nexus.domain.calendar.evidence import ExchangeEvidence, is_upheld
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.learned import (
    NOTHING_LEARNED,
    Calendars,
    LearnedSession,
    calendars_with,
)
from data_nexus.domain.calendar.publication import PublicationKind, last_published
from data_nexus.domain.planning.due import session_before, sessions_up_to

NSE = "NSE"
FRIDAY, SUNDAY, MONDAY = date(2026, 1, 30), date(2026, 2, 1), date(2026, 2, 2)
TUESDAY = MONDAY + timedelta(days=1)
FIRST = date(2026, 1, 16)


def sessions(*more: date, without: tuple[date, ...] = (), last: date = TUESDAY) -> list[date]:
    known = NOTHING_LEARNED.of(NSE, last).between(FIRST, last).tolist()
    dates = {date(1970, 1, 1) + timedelta(days=day) for day in known} | {*more}
    return sorted(dates - {*without})


def bars(dates: list[date], flat: date | None = None) -> Bars:
    """Bars that rise by one a day; that of `flat` repeats the close before."""
    close = np.arange(100.0, 100.0 + len(dates))
    high = close + 1
    if flat:
        at = dates.index(flat)
        close[at] = high[at] = close[at - 1]
    low = np.where(high > close, close - 1, close)
    held = np.array([days(day) for day in dates], np.int32)
    return Bars(held, close.copy(), high, low, close, close.copy(), np.full(len(dates), 1e6))


def evidence(
    seen: date | None = FRIDAY, through: date = TUESDAY, calendars: Calendars = NOTHING_LEARNED
) -> ExchangeEvidence:
    learned = [day for day, is_open in calendars.learned.get(NSE, ()) if is_open]
    return ExchangeEvidence(NSE, calendars.of(NSE, through), through, seen, learned)


def learned(found: ExchangeEvidence) -> list[tuple[date, bool]]:
    return [(each.date, each.is_open) for each in found.found()]


def noted(count: int, answer: Bars, found: ExchangeEvidence | None = None) -> ExchangeEvidence:
    found = found or evidence()
    for number in range(count):
        found.note(f"CO{number}", answer)
    return found


def test_two_assets_make_a_session_and_one_does_not() -> None:
    answer = bars(sessions(SUNDAY))
    assert learned(noted(1, answer)) == []
    assert list(noted(2, answer).found()) == [
        LearnedSession(
            exchange=NSE,
            date=SUNDAY,
            is_open=True,
            traded=2,
            asked=2,
            symbols=("CO0", "CO1"),
        )
    ]


def test_a_few_of_many_do_not_make_a_session() -> None:
    found = noted(4, bars(sessions()))
    assert learned(noted(3, bars(sessions(SUNDAY)), found)) == []
    assert learned(noted(1, bars(sessions(SUNDAY)), found)) == [(SUNDAY, True)]


@pytest.mark.parametrize("count", [2, 30])
def test_copies_and_stamps_of_weeks_are_no_sessions(count: int) -> None:
    assert learned(noted(count, bars(sessions(SUNDAY), flat=SUNDAY))) == []
    weekly = [FIRST + timedelta(days=2 + 7 * n) for n in range(3)]
    assert learned(noted(count, bars(weekly), evidence(seen=None))) == []


def test_days_ahead_are_no_sessions() -> None:
    answer = bars(sessions(SUNDAY))
    assert learned(noted(2, answer, evidence(through=SUNDAY - timedelta(days=1)))) == []


def test_what_steady_assets_skip_after_the_last_one_seen_was_no_session() -> None:
    shut = bars(sessions(without=(MONDAY,)))
    assert learned(noted(1, shut)) == []
    assert learned(noted(2, shut)) == [(MONDAY, False)]
    assert learned(noted(1, bars(sessions()), noted(2, shut))) == []


def test_assets_that_trade_now_and_then_do_not_shut_an_exchange() -> None:
    rare = bars(sessions(without=(MONDAY, date(2026, 1, 28))))
    assert learned(noted(19, rare)) == []


def test_nothing_is_known_of_the_newest_session() -> None:
    assert learned(noted(30, bars(sessions(without=(TUESDAY,))))) == []


def test_what_many_assets_lack_was_no_session_however_long_ago() -> None:
    wednesday = date(2026, 1, 21)
    shut = bars(sessions(without=(wednesday,)))
    assert learned(noted(19, shut, evidence(seen=None))) == []
    assert learned(noted(20, shut, evidence(seen=None))) == [(wednesday, False)]


def test_what_was_learned_is_taken_back_by_evidence_to_the_contrary() -> None:
    shut = calendars_with([(NSE, MONDAY, False)])
    assert learned(noted(2, bars(sessions()), evidence(calendars=shut))) == [(MONDAY, True)]
    extra = calendars_with([(NSE, SUNDAY, True)])
    found = evidence(seen=TUESDAY, calendars=extra)
    assert learned(noted(2, bars(sessions()), found)) == [(SUNDAY, False)]
    assert learned(noted(2, bars(sessions(SUNDAY)), evidence(seen=TUESDAY, calendars=extra))) == []


def test_what_is_stored_of_other_assets_may_speak_against_it() -> None:
    (opened,) = noted(2, bars(sessions(SUNDAY))).found()
    (shut,) = noted(2, bars(sessions(without=(MONDAY,)))).found()
    assert is_upheld(shut, 1, 500, is_new=True)
    assert not is_upheld(shut, 2, 500, is_new=True)
    assert is_upheld(opened, 250, 500, is_new=False)
    assert not is_upheld(opened, 249, 500, is_new=False)
    assert is_upheld(opened, 2, 500, is_new=True)


def test_what_was_learned_is_due_like_any_session() -> None:
    learned_days = calendars_with([(NSE, SUNDAY, True), (NSE, MONDAY, False)])
    assert sessions_up_to(NSE, TUESDAY, 2, learned_days) == [FRIDAY, SUNDAY, TUESDAY]
    assert session_before(NSE, TUESDAY, learned_days) == SUNDAY
    held = learned_days.of(NSE, TUESDAY)
    library = sessions_of(NSE, TUESDAY)
    at, friday = (int(np.searchsorted(each.days, days(FRIDAY))) for each in (held, library))
    assert held.close(at + 1) - library.close(friday) == timedelta(days=2)
    now = held.close(at + 1) + timedelta(hours=3)
    found = last_published(NSE, PublicationKind.TRADED, now, learned_days)
    assert (found.last, found.before) == (SUNDAY, FRIDAY)
    assert learned_days.of("US", TUESDAY) is sessions_of("US", TUESDAY)


def test_the_calendar_of_india_is_never_exact() -> None:
    assert not sessions_of(NSE, TUESDAY).is_exact(FRIDAY)
    assert sessions_of("US", TUESDAY).is_exact(FRIDAY)
