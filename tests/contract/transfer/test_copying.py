"""A database that is copied is the same in another place, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.store.transfer.copying import (
    TableCopied,
    copy_tables,
    other_tables,
    require_vacant,
)
from data_nexus.database.upgrade import TABLES
from data_nexus.errors import StorageUnavailable, UsageError
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, value


@pytest.fixture
def target(cluster: Cluster) -> Iterator[PostgresConnection]:
    with cluster.fresh_database() as url:
        yield PostgresConnection(url)


@pytest.fixture
def source(database_url: str) -> PostgresConnection:
    """Three assets, one of which is gone, bars of odd values, a rejected row."""
    add_assets(database_url, "A", "B", "GONE")
    execute(
        database_url,
        "DELETE FROM assets WHERE symbol = 'GONE'",
        "UPDATE assets SET name = E'na\\nme \\u00fc \\\\N'",
        "INSERT INTO market_data (asset_id, date, open, high, low, close, adjusted_close, volume)"
        " SELECT id, day, 0.1 + 0.2, 1e300, 5e-324, 1/3.0, 2/3.0, 1e15"
        " FROM assets, generate_series('1900-01-01'::date, '1900-02-09', '1 day') AS day",
        "INSERT INTO rejected_rows (asset_id, date, rule, excerpt)"
        " VALUES (1, NULL, 'high is highest', E'\\t{\"a\": 1}')",
        "INSERT INTO alerts (condition, subject, detail, noticed_at, raised_at)"
        " VALUES ('down', 'vendor', E'x\\n\\u00fc', '2024-01-02', '2024-01-02')",
        "INSERT INTO alert_messages (alert_id, kind, channel, owner, attempts)"
        " VALUES (1, 'raised', 'webhook', 7, 2)",
        "INSERT INTO alert_silences VALUES ('late', '', '2999-01-02')",
    )
    return PostgresConnection(database_url)


def copied(source: PostgresConnection, target: PostgresConnection) -> list[TableCopied]:
    require_vacant(target, TABLES)
    return copy_tables(source, target, TABLES, lambda _: None)


CONTENT = (
    "SELECT * FROM assets ORDER BY id",
    "SELECT * FROM market_data ORDER BY asset_id, date",
    "SELECT * FROM rejected_rows",
    "SELECT * FROM alerts",
    "SELECT * FROM alert_messages",
    "SELECT * FROM alert_silences",
)


def test_every_row_is_the_same_and_every_table_is_named(
    source: PostgresConnection, target: PostgresConnection
) -> None:
    done = copied(source, target)
    assert [each.name for each in done] == sorted(TABLES)
    counts = {each.name: each.rows for each in done if each.rows}
    told = dict.fromkeys(("alerts", "alert_messages", "alert_silences"), 1)
    assert counts == {"assets": 2, "market_data": 80, "rejected_rows": 1, **told}
    for query in CONTENT:
        assert rows(target.url, query) == rows(source.url, query) != []


def test_no_id_that_was_ever_given_is_given_again(
    source: PostgresConnection, target: PostgresConnection
) -> None:
    gone = value(source.url, "SELECT max(id) + 1 FROM assets")
    copied(source, target)
    assert add_assets(target.url, "NEW") == [gone + 1]


def test_a_target_with_rows_is_refused_and_stays_as_it_is(
    source: PostgresConnection, target: PostgresConnection
) -> None:
    add_assets(target.url, "MINE")
    with pytest.raises(UsageError, match="has rows in assets: nothing was copied"):
        copied(source, target)
    assert rows(target.url, "SELECT symbol FROM assets") == [("MINE",)]


def test_a_copy_that_is_cut_keeps_nothing_and_can_be_made_again(
    source: PostgresConnection, target: PostgresConnection
) -> None:
    def cut(table: str) -> None:
        if table == "rejected_rows":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_tables(source, target, TABLES, cut)
    assert value(target.url, "SELECT count(*) FROM assets") == 0
    assert copied(source, target)


def test_a_row_that_changes_on_the_way_is_found_and_nothing_is_kept(
    source: PostgresConnection, target: PostgresConnection
) -> None:
    execute(
        target.url,
        "CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.close := NEW.close + 1e-15; RETURN NEW; END'",
        "CREATE TRIGGER bends BEFORE INSERT ON market_data FOR EACH ROW"
        " WHEN (NEW.date = '1900-01-20') EXECUTE FUNCTION bend()",
    )
    with pytest.raises(StorageUnavailable, match="market_data is not equal in the target"):
        copied(source, target)
    assert value(target.url, "SELECT count(*) FROM assets") == 0


def test_what_is_written_meanwhile_is_not_half_copied(
    source: PostgresConnection, target: PostgresConnection
) -> None:
    """All is read as it was when the copy began."""

    def write(table: str) -> None:
        if table == "dividends":
            execute(source.url, "DELETE FROM market_data", "DELETE FROM rejected_rows")

    done = copy_tables(source, target, TABLES, write)
    assert {each.name: each.rows for each in done}["market_data"] == 80
    days = rows(target.url, "SELECT DISTINCT min(date) FROM market_data")
    assert days == [(date(1900, 1, 1),)]


def test_a_persons_own_tables_are_named(source: PostgresConnection) -> None:
    execute(source.url, "CREATE TABLE mine (a int)")
    assert other_tables(source, TABLES) == ["mine"]


def test_a_target_without_the_tables_is_named(
    source: PostgresConnection, target: PostgresConnection
) -> None:
    execute(target.url, "CREATE SCHEMA other")
    with pytest.raises(StorageUnavailable, match="the target lacks action_samples"):
        copied(source, PostgresConnection(target.url, "other"))
