"""What a chart reads: the bars between two dates, and the sessions on which one is expected."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, LiteralString

import psycopg
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.symbol import parse_symbol
from data_nexus.errors import UsageError
from data_nexus.research.charts.chart import ChartHistory
from data_nexus.research.charts.chart_source import ChartRequest, read_histories
from tests.support.postgres.tables import add_assets, execute

# December 2024: New York is shut on the 25th and on the week-end of the 28th.
HELD = (23, 26, 27)
NEW_YEARS_EVE = datetime(2024, 12, 31, 22, tzinfo=UTC)


def december(day: int) -> date:
    return date(2024, 12, day)


def add(url: str, code: str, *held: int, exchange: str = "US", **columns: Any) -> None:  # noqa: ANN401
    """An asset with bars on some days of December."""
    (asset_id,) = add_assets(url, code, exchange=exchange, **columns)
    with psycopg.connect(url) as connection:
        for day in held:
            connection.execute(
                "INSERT INTO market_data VALUES (%s, %s, 1, 2, 1, 2, 2, 100)",
                [asset_id, december(day)],
            )


def read(url: str, *symbols: str, **question: Any) -> list[ChartHistory]:  # noqa: ANN401
    asked = ChartRequest(**{"now": NEW_YEARS_EVE, **question})
    return read_histories(
        PostgresConnection(url), [parse_symbol(s) for s in symbols], asked
    ).histories


def days(dates: Any) -> list[int]:  # noqa: ANN401 - a column of days
    return [day_date(int(day)).day for day in dates]


@pytest.mark.parametrize(
    ("question", "bars", "sessions"),
    [
        ({}, [23, 26, 27], [23, 24, 26, 27, 30, 31]),
        ({"now": datetime(2024, 12, 31, 12, tzinfo=UTC)}, [23, 26, 27], [23, 24, 26, 27, 30]),
        ({"as_of": datetime(2024, 12, 27, 12, tzinfo=UTC)}, [23, 26, 27], [23, 24, 26, 27]),
        ({"first": december(24)}, [26, 27], [24, 26, 27, 30, 31]),
        ({"first": december(1), "last": december(24)}, [23], [23, 24]),
        ({"first": december(26), "last": december(30)}, [26, 27], [26, 27, 30]),
    ],
)
def test_bars_are_expected_from_the_first_one_to_the_last_session_that_is_out(
    database_url: str, question: dict[str, Any], bars: list[int], sessions: list[int]
) -> None:
    add(database_url, "AAPL", *HELD)
    (history,) = read(database_url, "AAPL.US", **question)
    assert (days(history.bars.date), days(history.sessions)) == (bars, sessions)


@pytest.mark.parametrize(("last", "sessions"), [(None, [23, 24, 26, 27]), (24, [23, 24])])
def test_of_a_dead_asset_nothing_is_expected_after_its_last_bar(
    database_url: str, last: int | None, sessions: list[int]
) -> None:
    add(database_url, "DEAD", *HELD, is_delisted=True)
    (history,) = read(database_url, "DEAD.US", last=last and december(last))
    assert days(history.sessions) == sessions


def test_where_holidays_are_not_known_nothing_is_expected(database_url: str) -> None:
    add(database_url, "AAPL", *HELD, exchange="NOWHERE")
    (history,) = read(database_url, "AAPL.NOWHERE")
    assert (days(history.bars.date), days(history.sessions)) == ([*HELD], [])


def test_symbols_come_in_the_order_in_which_they_are_asked_for_and_once(database_url: str) -> None:
    for code in ("A", "B"):
        add(database_url, code, *HELD, name=f"{code} Inc", currency="USD")
    histories = read(database_url, "B.US", "A.US", "B.US")
    assert [(h.symbol, h.name, h.currency) for h in histories] == [
        ("B.US", "B Inc", "USD"),
        ("A.US", "A Inc", "USD"),
    ]


def test_a_symbol_without_a_bar_there_is_named_with_the_dates(database_url: str) -> None:
    add(database_url, "AAPL", *HELD)
    with pytest.raises(UsageError, match=r"AAPL\.US has no bar from 2024-12-24 to 2024-12-24"):
        read(database_url, "AAPL.US", first=december(24), last=december(24))
    add(database_url, "NEW")
    with pytest.raises(UsageError, match=r"NEW\.US has no bar yet"):
        read(database_url, "NEW.US")


@pytest.mark.parametrize(
    ("day", "question", "adjust"),
    [
        (26, {}, "splits"),
        (27, {}, "splits"),
        (26, {"adjust": "raw"}, "raw"),
        (23, {}, "raw"),
        (30, {}, "raw"),
        (27, {"last": december(26)}, "raw"),
        (26, {"as_of": datetime(2024, 12, 30, tzinfo=UTC)}, "raw"),
    ],
)
def test_a_split_within_what_is_drawn_is_taken_out_unless_raw_prices_are_asked_for(
    database_url: str, day: int, question: dict[str, Any], adjust: str
) -> None:
    add(database_url, "AAPL", *HELD)
    execute(
        database_url,
        "INSERT INTO splits (asset_id, date, numerator, denominator)"  # noqa: S608 - a day
        f" SELECT id, '2024-12-{day}', 4, 1 FROM assets",
    )
    found = read_histories(
        PostgresConnection(database_url),
        [parse_symbol("AAPL.US")],
        ChartRequest(**{"now": NEW_YEARS_EVE, **question}),
    )
    first = 2 / 4 if adjust == "splits" else 2
    assert (found.basis.adjust, found.histories[0].bars.close[0]) == (adjust, first)


def test_a_split_that_cannot_be_applied_leaves_prices_as_traded(database_url: str) -> None:
    add(database_url, "AAPL", *HELD)
    execute(
        database_url,
        "INSERT INTO splits (asset_id, date, numerator, denominator)"
        " SELECT id, '2024-12-26', 0, 1 FROM assets",
    )
    found = read_histories(
        PostgresConnection(database_url),
        [parse_symbol("AAPL.US")],
        ChartRequest(now=NEW_YEARS_EVE),
    )
    assert found.basis.adjust == "raw"


@pytest.mark.parametrize(
    ("columns", "settled"),
    [
        ({"settled_through": december(24)}, december(24)),
        ({}, date.min),
        ({"settled_through": december(24), "is_delisted": True}, None),
    ],
)
def test_bars_are_settled_through_a_day_and_of_a_dead_asset_all_are(
    database_url: str, columns: dict[str, Any], settled: date | None
) -> None:
    add(database_url, "AAPL", *HELD, last_bar=december(27), **columns)
    (history,) = read(database_url, "AAPL.US")
    assert history.settled_through == settled


@pytest.mark.parametrize(
    ("question", "revised"),
    [({}, [23, 26]), ({"as_of": datetime(2024, 12, 30, tzinfo=UTC)}, [23])],
)
def test_a_bar_is_revised_from_the_moment_at_which_its_old_values_ended(
    database_url: str, question: dict[str, Any], revised: list[int]
) -> None:
    add(database_url, "OTHER", *HELD)
    add(database_url, "AAPL", *HELD)
    old: LiteralString = (
        "INSERT INTO market_data_revisions SELECT id, {day}, {until}, 1, 2, 1, 1, 1, 90 FROM assets"
        " WHERE symbol = 'AAPL'"
    )
    for day, until in (("'2024-12-23'", "'2024-12-27 1:00Z'"), ("'2024-12-26'", "'2024-12-31Z'")):
        execute(database_url, old.replace("{day}", day).replace("{until}", until))
    (history,) = read(database_url, "AAPL.US", **question)
    assert days(history.revised) == revised
