"""Which sessions the vendor must have published by a moment.

The expected answers are written by hand, from the exchanges' published hours and holidays.
"""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.publication import (
    PublicationKind,
    kind_of,
    next_publication,
    published_through,
)
from data_nexus.domain.calendar.sessions import Hours, day_date
from data_nexus.domain.calendar.window import Window

NOON = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
NAIROBI = Hours(
    zone="Africa/Nairobi",
    close=dt.timedelta(hours=15),
    holidays=frozenset({dt.date(2026, 6, 1)}),
    early_closes=frozenset({(dt.date(2026, 6, 3), dt.timedelta(hours=12))}),
    exact=Window(dt.date(2026, 1, 1), dt.date(2026, 12, 31)),
)

# One exchange of each sort: zones, half-days, weeks, rules, and an unknown one.
SORTS = ("US", "LSE", "TSE", "HK", "AU", "SR", "SHG", "SA", "CC", "FOREX", "EGX", "XNAI")
MOMENTS = st.datetimes(
    dt.datetime(2021, 2, 1),  # noqa: DTZ001 - the zone follows
    dt.datetime(2029, 6, 1),  # noqa: DTZ001
    timezones=st.sampled_from((dt.UTC, dt.timezone(dt.timedelta(hours=-11)))),
)


def moment(text: str) -> dt.datetime:
    """A moment of UTC, as `2026-03-09 20:15`."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("exchange", "now", "published"),
    [
        # New York closes at 16:00: 21:00 UTC in winter, 20:00 from 8 March to 31 October 2026.
        ("US", "2026-03-06 21:05", "2026-03-05"),
        ("US", "2026-03-06 21:14:59", "2026-03-05"),
        ("US", "2026-03-06 21:15", "2026-03-06"),
        ("US", "2026-03-06 21:20", "2026-03-06"),
        ("US", "2026-03-09 20:14", "2026-03-06"),
        ("US", "2026-03-09 20:15", "2026-03-09"),
        ("US", "2026-10-30 20:15", "2026-10-30"),
        ("US", "2026-11-02 21:14", "2026-10-30"),
        ("US", "2026-11-02 21:15", "2026-11-02"),
        # London and Frankfurt change their clocks three weeks later and a week earlier.
        ("LSE", "2026-03-09 19:29", "2026-03-06"),
        ("LSE", "2026-03-09 19:30", "2026-03-09"),
        ("LSE", "2026-03-30 18:29", "2026-03-27"),
        ("LSE", "2026-03-30 18:30", "2026-03-30"),
        ("LSE", "2026-10-26 19:29", "2026-10-23"),
        ("LSE", "2026-10-26 19:30", "2026-10-26"),
        ("XETRA", "2026-03-27 19:30", "2026-03-27"),
        ("XETRA", "2026-03-30 18:30", "2026-03-30"),
        ("F", "2026-03-30 22:59", "2026-03-27"),
        ("F", "2026-03-30 23:00", "2026-03-30"),
        # Sydney's summer ends on 5 April 2026, and Easter with it.
        ("AU", "2026-04-02 08:00", "2026-04-02"),
        ("AU", "2026-04-07 08:59", "2026-04-02"),
        ("AU", "2026-04-07 09:00", "2026-04-07"),
        # São Paulo has had no summer time since 2019: 18:00 is 21:00 UTC.
        ("SA", "2026-03-10 23:59", "2026-03-09"),
        ("SA", "2026-03-11 00:00", "2026-03-10"),
    ],
)
def test_clocks_change_on_different_days(exchange: str, now: str, published: str) -> None:
    assert published_through(exchange, PublicationKind.TRADED, moment(now)) == day(published)


@pytest.mark.parametrize(
    ("exchange", "now", "published"),
    [
        ("US", "2026-03-14 12:00", "2026-03-13"),  # Saturday
        ("US", "2026-03-15 23:59", "2026-03-13"),  # Sunday
        ("US", "2026-03-16 13:00", "2026-03-13"),  # Monday, before the bell
        ("US", "2023-06-16 20:15", "2023-06-16"),  # a holiday by the vendor's list; a session
        ("US", "2023-06-19 23:00", "2023-06-16"),  # Juneteenth, which that list lacks
        ("US", "2023-11-10 21:15", "2023-11-10"),  # Veterans Day: the stock exchanges trade
        ("US", "2025-01-09 23:00", "2025-01-08"),  # mourning for Jimmy Carter
        ("US", "2025-12-31 21:15", "2025-12-31"),
        ("US", "2026-01-01 23:00", "2025-12-31"),
        ("US", "2026-01-02 21:15", "2026-01-02"),
        ("US", "2026-04-03 23:00", "2026-04-02"),  # Good Friday
        ("US", "2026-04-06 20:15", "2026-04-06"),  # Easter Monday is a session there,
        ("LSE", "2026-04-06 23:00", "2026-04-02"),  # not here
        ("LSE", "2025-12-26 23:00", "2025-12-24"),  # Boxing Day
        ("XETRA", "2025-12-31 23:00", "2025-12-30"),
        ("TO", "2026-07-01 23:59", "2026-06-30"),  # Canada Day
        ("TSE", "2026-01-05 09:29", "2025-12-30"),  # the year's first session
        ("TSE", "2026-01-05 09:30", "2026-01-05"),
        ("TSE", "2026-05-06 23:00", "2026-05-01"),  # Golden Week
        ("HK", "2026-02-19 23:00", "2026-02-16"),  # Lunar New Year
        ("HK", "2026-02-20 11:00", "2026-02-20"),
        ("SHG", "2025-10-08 23:00", "2025-09-30"),  # the National Day's week
        ("SHE", "2025-10-09 10:00", "2025-10-09"),
        ("KO", "2025-12-31 23:00", "2025-12-30"),
        ("NSE", "2026-01-26 23:00", "2026-01-23"),  # Republic Day
        ("JSE", "2026-04-27 23:00", "2026-04-24"),  # Freedom Day
    ],
)
def test_on_days_without_a_session_the_one_before_stays_the_last(
    exchange: str, now: str, published: str
) -> None:
    assert published_through(exchange, PublicationKind.TRADED, moment(now)) == day(published)


@pytest.mark.parametrize(
    ("exchange", "published_at"),
    [
        ("US", "2025-07-03 17:15"),  # 13:00 in New York, summer
        ("US", "2025-11-28 18:15"),  # the day after Thanksgiving
        ("US", "2025-12-24 18:15"),
        ("LSE", "2025-12-24 15:30"),  # 12:30
        ("LSE", "2025-12-31 15:30"),
        ("PA", "2025-12-24 16:05"),  # 14:05
        ("HK", "2026-02-16 07:00"),  # 12:00, the eve of the Lunar New Year
        ("AU", "2025-12-24 06:10"),  # 14:10
    ],
)
def test_a_half_day_is_published_early(exchange: str, published_at: str) -> None:
    now = moment(published_at)
    assert published_through(exchange, PublicationKind.TRADED, now) == now.date()
    assert (
        published_through(exchange, PublicationKind.TRADED, now - dt.timedelta(seconds=1))
        < now.date()
    )


@pytest.mark.parametrize(
    ("exchange", "now", "published"),
    [
        ("SR", "2025-11-02 15:00", "2025-11-02"),  # Sunday to Thursday
        ("SR", "2025-11-07 23:00", "2025-11-06"),
        ("SR", "2025-11-08 23:00", "2025-11-06"),
        ("TA", "2025-11-02 16:40", "2025-11-02"),  # Sundays, short, until 2025;
        ("TA", "2026-01-11 23:00", "2026-01-09"),  # Fridays instead since 2026
        ("EGX", "2026-03-08 15:30", "2026-03-08"),
        ("EGX", "2026-03-06 23:00", "2026-03-05"),
    ],
)
def test_not_every_week_begins_on_monday(exchange: str, now: str, published: str) -> None:
    assert published_through(exchange, PublicationKind.TRADED, moment(now)) == day(published)


@pytest.mark.parametrize("kind", [PublicationKind.FUND, PublicationKind.OTC])
@pytest.mark.parametrize(
    ("now", "published"),
    [
        ("2026-03-06 23:00", "2026-03-05"),
        ("2026-03-07 10:59", "2026-03-05"),
        ("2026-03-07 11:00", "2026-03-06"),  # Saturday, 06:00 in New York
        ("2026-03-09 20:15", "2026-03-06"),
        ("2026-03-10 09:59", "2026-03-06"),
        ("2026-03-10 10:00", "2026-03-09"),  # an hour earlier, by summer time
        ("2025-11-27 11:00", "2025-11-26"),  # a holiday's morning is a morning
    ],
)
def test_us_funds_and_otc_shares_come_next_morning(
    kind: PublicationKind, now: str, published: str
) -> None:
    assert published_through("US", kind, moment(now)) == day(published)


def test_elsewhere_the_kind_makes_no_difference() -> None:
    assert {published_through("LSE", kind, NOON) for kind in PublicationKind} == {day("2026-03-09")}


@pytest.mark.parametrize(
    ("venue", "asset_type", "kind"),
    [
        ("NASDAQ", "Common Stock", PublicationKind.TRADED),
        ("NYSE ARCA", "ETF", PublicationKind.TRADED),
        ("NMFQS", "FUND", PublicationKind.FUND),
        ("NASDAQ", "Mutual Fund", PublicationKind.FUND),
        ("PINK", "Common Stock", PublicationKind.OTC),
        ("OTCQX", "Preferred Stock", PublicationKind.OTC),
        ("OTC", "FUND", PublicationKind.FUND),
        ("", "", PublicationKind.TRADED),
    ],
)
def test_a_kind_is_read_from_the_listing(
    venue: str, asset_type: str, kind: PublicationKind
) -> None:
    assert kind_of(venue, asset_type) is kind


@pytest.mark.parametrize(
    ("exchange", "now", "published"),
    [
        ("CC", "2026-01-01 00:00:30", "2025-12-30"),
        ("CC", "2026-01-01 03:00", "2025-12-31"),
        ("CC", "2026-03-15 12:00", "2026-03-14"),  # Sunday: Saturday is there
        ("FOREX", "2026-03-07 02:59", "2026-03-05"),
        ("FOREX", "2026-03-07 03:00", "2026-03-06"),
        ("FOREX", "2026-03-09 23:59", "2026-03-06"),  # weekends are not waited for
        ("FOREX", "2026-12-26 03:00", "2026-12-25"),
    ],
)
def test_crypto_never_rests_and_currencies_rest_on_weekends(
    exchange: str, now: str, published: str
) -> None:
    assert published_through(exchange, PublicationKind.TRADED, moment(now)) == day(published)


@pytest.mark.parametrize(
    ("hours", "now", "published"),
    [
        (None, "2026-06-02 02:59", "2026-05-29"),
        (None, "2026-06-02 03:00", "2026-06-01"),  # perhaps a holiday: who knows
        (NAIROBI, "2026-05-29 15:00", "2026-05-29"),
        (NAIROBI, "2026-06-02 14:59", "2026-05-29"),
        (NAIROBI, "2026-06-02 15:00", "2026-06-02"),
        (NAIROBI, "2026-06-03 12:00", "2026-06-03"),
    ],
)
def test_an_exchange_without_a_calendar_goes_by_the_vendors_hours(
    hours: Hours | None, now: str, published: str
) -> None:
    assert published_through("XNAI", PublicationKind.TRADED, moment(now), hours) == day(published)


def test_the_vendors_hours_do_not_touch_a_calendar() -> None:
    wrong = Hours(holidays=frozenset({day("2023-06-16"), day("2023-11-10")}))
    assert published_through(
        "US", PublicationKind.TRADED, moment("2023-06-16 20:15"), wrong
    ) == day("2023-06-16")


def test_after_a_calendars_end_the_exchanges_week_goes_on() -> None:
    known = sessions_of("SHG", day("2026-12-31"))
    end = known.exact.last
    assert known.is_exact(end)
    assert not known.is_exact(end + dt.timedelta(days=1))
    monday = end + dt.timedelta(days=14 - end.weekday())
    now = dt.datetime.combine(monday, dt.time(10), dt.UTC)  # 15:00 in Shanghai, and three hours
    holiday = Hours(zone="Asia/Shanghai", holidays=frozenset({monday}))
    assert published_through("SHG", PublicationKind.TRADED, now) == monday
    assert published_through("SHG", PublicationKind.TRADED, now, holiday) < monday


def test_the_next_publication_may_be_days_ahead() -> None:
    thursday = moment("2026-04-02 20:15")  # published, and Good Friday is ahead
    assert next_publication("US", PublicationKind.TRADED, thursday) == moment("2026-04-06 20:15")
    assert next_publication("US", PublicationKind.FUND, thursday) == moment("2026-04-03 10:00")
    assert next_publication("SHG", PublicationKind.TRADED, moment("2025-09-30 10:00")) == moment(
        "2025-10-09 10:00"
    )


@given(
    exchange=st.sampled_from(SORTS),
    kind=st.sampled_from(PublicationKind),
    moments=st.tuples(MOMENTS, MOMENTS).map(sorted),
)
def test_time_never_takes_a_session_back(
    exchange: str, kind: PublicationKind, moments: list[dt.datetime]
) -> None:
    earlier, later = (published_through(exchange, kind, now) for now in moments)
    assert earlier <= later


@given(exchange=st.sampled_from(SORTS), kind=st.sampled_from(PublicationKind), now=MOMENTS)
def test_what_is_published_is_a_session_that_has_closed(
    exchange: str, kind: PublicationKind, now: dt.datetime
) -> None:
    published = published_through(exchange, kind, now)
    held = sessions_of(exchange, now.date())
    assert [day_date(int(number)) for number in held.between(published, published)] == [published]
    closed = held.last_before(now)
    assert closed is not None
    assert published <= closed


@given(exchange=st.sampled_from(SORTS), kind=st.sampled_from(PublicationKind), now=MOMENTS)
def test_a_publication_brings_exactly_the_next_session(
    exchange: str, kind: PublicationKind, now: dt.datetime
) -> None:
    published = published_through(exchange, kind, now)
    ahead = next_publication(exchange, kind, now)
    assert ahead > now
    assert published_through(exchange, kind, ahead - dt.timedelta(seconds=1)) == published
    after = published_through(exchange, kind, ahead)
    between = sessions_of(exchange, after).between(published, after)
    assert [day_date(int(number)) for number in between] == [published, after]


@pytest.mark.parametrize("ask", [published_through, next_publication])
def test_a_moment_without_a_zone_is_refused(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ValueError, match="time zone"):
        ask("US", PublicationKind.TRADED, NOON.replace(tzinfo=None))


def test_before_a_calendar_begins_nothing_is_published() -> None:
    with pytest.raises(ValueError, match="no session of SR"):
        published_through("SR", PublicationKind.TRADED, moment("2020-06-01 12:00"))
    # The first session that is known closed at 15:00 in Riyadh.
    assert next_publication("SR", PublicationKind.TRADED, moment("2020-06-01 12:00")) == moment(
        "2021-01-03 15:00"
    )
