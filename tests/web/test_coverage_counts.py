"""The coverage page shows what `nexus coverage` counts, and it is counted only when needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import LiteralString

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.listed.asset_list import ChosenAssets
from data_nexus.database.reader.overview.coverage import (
    counting_alone,
    read_counted_years,
    read_gaps,
)
from data_nexus.research.coverage import survey
from data_nexus.research.universe import read_assets
from data_nexus.service.coverage_counts import StopCounting, count_coverage
from tests.support.postgres.tables import add_assets, execute, rows

# Every weekday of two years but for a week, and for the odd asset a whole month.
BARS: LiteralString = (
    "INSERT INTO market_data SELECT a.id, d::date, 1, 1, 1, 1, 1, 1 FROM assets a,"
    " generate_series(date '2023-01-01', date '2024-12-31', interval '1 day') d"
    " WHERE a.last_bar IS NOT NULL AND extract(isodow FROM d) < 6"
    " AND d::date NOT BETWEEN '2023-03-06' AND '2023-03-10'"
    " AND NOT (a.symbol = 'ODD' AND d::date BETWEEN '2024-03-01' AND '2024-03-31')"
)
OLD: LiteralString = "UPDATE coverage_years SET counted_at = now() - interval '2 hours'"


@pytest.fixture
def database(database_url: str) -> Iterator[PostgresConnection]:
    for code in ("EVEN", "ODD", "GONE"):
        add_assets(
            database_url,
            code,
            venue="NYSE",
            asset_type="Common Stock",
            last_bar="2024-12-31",
            synced_through="2024-12-31",
            last_synced=datetime.now(UTC),
            is_delisted=code == "GONE",
        )
    add_assets(database_url, "NEVER")
    execute(database_url, BARS)
    connection = PostgresConnection(database_url)
    yield connection
    connection.close()


def test_the_counts_are_those_of_coverage(database: PostgresConnection) -> None:
    assert count_coverage(database) == ["US"]
    everything = read_assets(database, ChosenAssets())
    expected = survey(database, everything, datetime.now(UTC), by="exchange").years
    found = read_counted_years(database)
    assert [(y.exchange, y.year, y.expected, y.stored, y.absent, y.missing) for y in found] == [
        (y.name, y.year, y.expected, y.stored, y.absent, y.missing) for y in expected
    ]
    gaps = {year: read_gaps(database, "US", year) for year in (2023, 2024)}
    by_ticker = survey(database, everything, datetime.now(UTC)).years
    assert {(g.symbol, year, g.missing) for year in gaps for g in gaps[year]} == {
        (y.name, y.year, y.missing) for y in by_ticker if y.missing and y.year in gaps
    }
    assert gaps[2024][0].symbol == "ODD.US"
    (first, *rest) = gaps[2024]
    assert read_gaps(database, "US", 2024, missing=first.missing, after=first.asset_id) == rest


def test_it_is_counted_again_when_something_has_changed_and_not_before(
    database: PostgresConnection,
) -> None:
    assert count_coverage(database) == ["US"]
    assert count_coverage(database) == []
    execute(database.url, OLD)
    assert count_coverage(database) == ["US"]
    execute(database.url, OLD, "UPDATE assets SET last_synced = now() - interval '3 hours'")
    assert count_coverage(database) == []
    execute(database.url, OLD.replace("2 hours", "25 hours"))
    assert count_coverage(database) == ["US"]
    assert len(rows(database.url, "SELECT 1 FROM coverage_gaps")) > 0


def test_one_process_counts_at_a_time(database: PostgresConnection) -> None:
    with counting_alone(database) as is_alone:
        assert is_alone
        assert count_coverage(database) == []
    assert count_coverage(database) == ["US"]


def test_a_count_that_is_stopped_leaves_nothing(database: PostgresConnection) -> None:
    for number in range(60):
        add_assets(database.url, f"S{number}", last_synced=datetime.now(UTC))

    def stop(_: float) -> None:
        raise StopCounting

    assert count_coverage(database, stop) == []
    assert read_counted_years(database) == []
