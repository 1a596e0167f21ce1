"""The tables themselves refuse what is no bar, whoever writes it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.support.postgres.tables import execute, rows

COLUMNS = ("open", "high", "low", "close", "adjusted_close", "volume")


def insert(url: str, **values: str | None) -> None:
    """Insert a bar of tens, but for the given values."""
    given = dict.fromkeys(COLUMNS, "10") | values
    query = sql.SQL("INSERT INTO market_data (asset_id, date, {}) VALUES (1, '2024-01-02', {})")
    with psycopg.connect(url) as connection:
        connection.execute(
            query.format(
                sql.SQL(", ").join(map(sql.Identifier, given)),
                sql.SQL(", ").join(map(sql.Literal, given.values())),
            )
        )


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_takes_what_is_no_number(database_url: str, column: str) -> None:
    for number in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(psycopg.errors.CheckViolation, match=f"{column}_is_a_number"):
            insert(database_url, **{column: number})
    with pytest.raises(psycopg.errors.NotNullViolation):
        insert(database_url, **{column: None})
    insert(database_url)


def test_a_volume_is_never_negative_and_a_yield_may_be(database_url: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="volume_is_a_number"):
        insert(database_url, volume="-1")
    insert(database_url, **dict.fromkeys(COLUMNS[:-1], "-0.45"))
    assert rows(database_url, "SELECT low, close FROM market_data") == [(-0.45, -0.45)]


def test_zero_and_very_large_numbers_are_numbers(database_url: str) -> None:
    insert(database_url, open="0", low="0", volume="0", high="1e300")
    assert rows(database_url, "SELECT open, high, volume FROM market_data") == [(0, 1e300, 0)]


@pytest.mark.parametrize("kind", ["date", "timestamptz"])
@pytest.mark.parametrize("date", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"])
def test_no_date_that_the_program_reads_can_be_one_that_python_lacks(
    database_url: str, kind: str, date: str
) -> None:
    """But for `suspicions.read_after`: infinity there means *not any more*, and is not read."""
    columns = rows(
        database_url,
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = %s AND table_name IN"
        " ('assets', 'quota_ledger', 'suspicions', 'market_data')"
        " AND column_name <> 'read_after'",
        {"date": "date", "timestamptz": "timestamp with time zone"}[kind],
    )
    assert len(columns) == {"date": 6, "timestamptz": 15}[kind]
    execute(
        database_url,
        "INSERT INTO assets (symbol, exchange) VALUES ('A', 'US')",
        "INSERT INTO quota_ledger VALUES ('x', '2026-01-02', 0, 1, 0, false, 1, now())",
        "INSERT INTO suspicions VALUES (1, '', '2026-01-02', now(), 0, 'infinity')",
    )
    insert(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table, column in columns:
            put = sql.SQL("UPDATE {} SET {} = {}").format(
                sql.Identifier(table), sql.Identifier(column), sql.Literal(date)
            )
            with pytest.raises(psycopg.errors.CheckViolation, match=f"{kind[:4]}|moments"):
                connection.execute(put)


def test_one_asset_has_one_bar_a_date(database_url: str) -> None:
    insert(database_url)
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(database_url, close="11")
