"""When schedules are due, against answers that were written by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.bars import days
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.publication import PublicationKind
from data_nexus.domain.planning.schedules import (
    AfterJob,
    AfterSession,
    Cron,
    DueRun,
    Timed,
    due_run,
    next_due,
    parse_schedule,
)
from data_nexus.errors import UsageError


def moment(text: str) -> datetime:
    """A moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Of each exchange: its zone, its close on an ordinary day and the vendor's delay, as its own pages
# say, and two sessions about a change of its clocks: when each is published, in UTC, by hand.
BY_HAND = {
    # New York goes back on 2026-11-01: 16:00 + 15 minutes.
    "US": ("2026-10-30 20:15", "2026-11-02 21:15"),
    # Toronto closes like New York, and is published three hours later.
    "TO": ("2026-10-30 23:00", "2026-11-03 00:00"),
    # Europe goes back on 2026-10-25. London closes at 16:30, Frankfurt's Xetra at 17:30.
    "LSE": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "XETRA": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "PA": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "AS": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "BR": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "MI": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "MC": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "SW": ("2026-10-23 18:30", "2026-10-26 19:30"),
    # Vienna rests on 26 October, the national holiday.
    "VI": ("2026-10-23 18:30", "2026-10-27 19:30"),
    "ST": ("2026-10-23 18:30", "2026-10-26 19:30"),
    "HE": ("2026-10-23 18:30", "2026-10-26 19:30"),
    # Lisbon's clock is London's.
    "LS": ("2026-10-23 18:30", "2026-10-26 19:30"),
    # Sydney goes forward on 2026-10-04: 16:00 + 3 hours.
    "AU": ("2026-10-02 09:00", "2026-10-05 08:00"),
    # These clocks stand still. Tokyo closes at 15:30, Hong Kong at 16:00, Shanghai at 15:00.
    "TSE": ("2026-10-30 09:30", "2026-11-02 09:30"),
    "HK": ("2026-10-30 11:00", "2026-11-02 11:00"),
    "SHG": ("2026-10-30 10:00", "2026-11-02 10:00"),
    "NSE": ("2026-10-30 13:00", "2026-11-02 13:00"),
    # Johannesburg closes at 17:00.
    "JSE": ("2026-10-30 18:00", "2026-11-02 18:00"),
}


@pytest.mark.parametrize("exchange", BY_HAND)
def test_a_session_before_and_one_behind_a_change_of_clocks(exchange: str) -> None:
    before, behind = map(moment, BY_HAND[exchange])
    schedule = AfterSession(exchange)
    assert schedule.next_due(before - timedelta(seconds=1)) == before
    assert schedule.last_due(before) == before
    found = schedule.next_due(before)
    while found < behind:
        found = schedule.next_due(found)
    assert found == behind


def test_a_short_day_and_the_morning_after_for_funds() -> None:
    """New York closes at 13:00 on the day after Thanksgiving; funds come at 6 the next morning."""
    assert AfterSession("US").last_due(moment("2026-11-28")) == moment("2026-11-27 18:15")
    funds = AfterSession("US", PublicationKind.FUND)
    assert funds.last_due(moment("2026-11-29")) == moment("2026-11-28 11:00")
    assert funds.next_due(moment("2026-11-29")) == moment("2026-12-01 11:00")


@pytest.mark.parametrize("exchange", BY_HAND)
def test_ten_years_have_one_due_time_a_session(exchange: str) -> None:
    """Walking on meets each session once, on its own day of its own clock."""
    first, last = date(2016, 1, 1), date(2025, 12, 31)
    held = sessions_of(exchange, last).between(first, last).tolist()
    schedule, found = AfterSession(exchange), []
    due_at, end = moment("2016-01-01 00:30"), moment("2026-01-01 00:30")
    while (due_at := schedule.next_due(due_at)) <= end:
        found.append(due_at)
    zone = {"US": "America/New_York", "TO": "America/Toronto"}.get(exchange, "UTC")
    assert [days(each.astimezone(ZoneInfo(zone)).date()) for each in found] == held
    assert schedule.count(moment("2016-01-01 00:30"), end) == len(held)


DAILY = "cron 30 1 * * * America/New_York"


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        # 01:30 comes twice on 2026-11-01, and is one due time; 02:30 does not come on 2026-03-08.
        (DAILY, "2026-10-31 00:00", ["2026-10-31 05:30", "2026-11-01 05:30", "2026-11-02 06:30"]),
        (
            "cron 30 2 * * * America/New_York",
            "2026-03-07 00:00",
            ["2026-03-07 07:30", "2026-03-08 07:00", "2026-03-09 06:30"],
        ),
        # By the time that passes: nothing is left out, nothing comes twice.
        (
            "cron */30 * * * * America/New_York",
            "2026-11-01 05:10",
            ["2026-11-01 05:30", "2026-11-01 06:00", "2026-11-01 06:30", "2026-11-01 07:00"],
        ),
        ("cron 0 6 * * 1-5 Europe/Berlin", "2026-10-23 05:00", ["2026-10-26 05:00"]),
        ("cron 0 6 29 2 *", "2026-01-01 00:00", ["2028-02-29 06:00", "2032-02-29 06:00"]),
        ("cron 15 4 * * 0", "2026-11-28 00:00", ["2026-11-29 04:15", "2026-12-06 04:15"]),
    ],
)
def test_cron_by_hand(text: str, after: str, expected: list[str]) -> None:
    schedule, due_at = parse_schedule(text), moment(after)
    assert not isinstance(schedule, AfterJob)
    for each in expected:
        due_at = schedule.next_due(due_at)
        assert due_at == moment(each)
        assert schedule.last_due(due_at) == due_at
        assert schedule.last_due(due_at + timedelta(seconds=59)) == due_at


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Sydney"])
@pytest.mark.parametrize("hour", [1, 2, 3])
def test_ten_years_of_a_daily_time_have_one_due_time_a_day(zone: str, hour: int) -> None:
    schedule = Cron(f"30 {hour} * * *", zone)
    due_at = datetime(2016, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1)
    met = []
    for _ in range(3653):
        due_at = schedule.next_due(due_at)
        met.append(due_at.astimezone(ZoneInfo(zone)).date())
    assert met == [date(2016, 1, 1) + timedelta(days=each) for each in range(3653)]


SCHEDULES: list[Timed] = [
    AfterSession("US"),
    AfterSession("AU"),
    AfterSession("US", PublicationKind.OTC),
    Cron("30 1 * * *", "America/New_York"),
    Cron("*/7 * * * *"),
    Cron("0 0 1 * 1", "Europe/Berlin"),
]


@given(st.sampled_from(SCHEDULES), st.integers(1_577_836_800, 1_861_920_000))
def test_the_last_due_and_the_next_are_neighbours(schedule: Timed, second: int) -> None:
    now = datetime.fromtimestamp(second, UTC)
    last, following = schedule.last_due(now), schedule.next_due(now)
    assert last is not None
    assert last <= now < following
    assert schedule.next_due(last) == following
    assert schedule.last_due(following - timedelta(microseconds=1)) == last
    assert schedule.count(last, now) == 0
    assert schedule.count(last, following) == 1


def test_what_was_missed_runs_once_and_is_counted() -> None:
    daily = parse_schedule("cron 0 6 * * *")
    since = moment("2026-11-20 06:00")
    assert due_run(daily, since, moment("2026-11-21 05:59")) is None
    assert due_run(daily, since, moment("2026-11-21 06:00")) == DueRun(
        moment("2026-11-21 06:00"), 0
    )
    assert due_run(daily, since, moment("2026-11-24 12:00")) == DueRun(
        moment("2026-11-24 06:00"), 3
    )


def test_after_a_job_it_is_due_each_time_that_one_is_done() -> None:
    schedule, now = parse_schedule("after job update-US"), moment("2026-11-24 12:00")
    done, since = moment("2026-11-24 11:00"), moment("2026-11-20 06:00")
    assert due_run(schedule, since, now) is None
    assert due_run(schedule, since, now, {"update-US": done}) == DueRun(done, 0)
    assert due_run(schedule, done, now, {"update-US": done}) is None
    assert due_run(schedule, since, done - timedelta(seconds=1), {"update-US": done}) is None
    assert due_run(schedule, since, now, {"other": done}) is None
    assert next_due(schedule, now) is None


@pytest.mark.parametrize(
    "text",
    [
        "after US",
        "after XETRA",
        "after US fund",
        "after job update-US",
        "cron 0 6 * * 1-5 Europe/Berlin",
    ],
)
def test_a_schedule_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_schedule(text)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a schedule"),
        ("after", "not a schedule"),
        ("after ../US", "not an exchange code"),
        ("after US bond", "not a schedule"),
        ("daily", "'after US'"),
        ("cron 0 6 * *", "five fields"),
        ("cron 0 6 * * * UTC now", "five fields"),
        ("cron 61 6 * * *", "minute"),
        ("cron 0 0 30 2 *", "day-of-month"),
        ("cron 0 6 * * * Europe/Nowhere", "no time zone"),
        ("cron 0 6 * * * ../../etc/passwd", "no time zone"),
    ],
)
def test_a_text_that_is_no_schedule_says_why(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_schedule(text)
