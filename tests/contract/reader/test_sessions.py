"""`get_session()` commits at the end, rolls back on an error, and gives its connection back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import select

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.models import Asset
from data_nexus.errors import StorageUnavailable
from tests.support.postgres.tables import eventually, rows, value


@pytest.fixture
def database(database_url: str) -> Iterator[PostgresConnection]:
    connection = PostgresConnection(database_url)
    yield connection
    connection.close()


class Changed(Exception):
    """The block ends early."""


def add_and_fail(database: PostgresConnection) -> None:
    with database.get_session() as session:
        session.add(Asset(symbol="AAPL", exchange="US"))
        session.flush()
        raise Changed


def test_a_session_that_ends_well_is_committed(
    database: PostgresConnection, database_url: str
) -> None:
    with database.get_session() as session:
        session.add(Asset(symbol="AAPL", exchange="US"))
    assert rows(database_url, "SELECT symbol, is_active, fence FROM assets") == [("AAPL", True, 0)]
    with database.get_session() as session:
        session.scalars(select(Asset)).one().name = "Apple"
    assert value(database_url, "SELECT name FROM assets") == "Apple"


def test_a_session_that_fails_is_rolled_back_and_its_error_goes_on(
    database: PostgresConnection, database_url: str
) -> None:
    with pytest.raises(Changed):
        add_and_fail(database)
    assert value(database_url, "SELECT count(*) FROM assets") == 0


def test_a_session_leaves_no_transaction_and_close_no_connection(
    database: PostgresConnection, database_url: str
) -> None:
    ours = (
        "SELECT DISTINCT state FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'data-nexus reader'"
    )
    with pytest.raises(Changed):
        add_and_fail(database)
    assert rows(database_url, ours) == [("idle",)]
    with database.get_session() as session:
        session.add(Asset(symbol="AAPL", exchange="US"))
    assert rows(database_url, ours) == [("idle",)]
    database.close()
    eventually(lambda: rows(database_url, ours) == [])


def test_what_was_read_may_be_used_after_the_session(database: PostgresConnection) -> None:
    with database.get_session() as session:
        session.add(Asset(symbol="AAPL", exchange="US"))
    with database.get_session() as session:
        asset = session.scalars(select(Asset)).one()
    assert (asset.symbol, asset.last_synced) == ("AAPL", None)


def test_plain_sql_has_the_same_connection(database: PostgresConnection) -> None:
    with database.connect() as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SHOW lock_timeout").fetchone() == ("10s",)


def test_a_server_that_is_not_there_is_named_as_such() -> None:
    database = PostgresConnection("postgresql://nobody:secret@127.0.0.1:1/none")
    with (
        pytest.raises(StorageUnavailable, match=r"^PostgreSQL: .*refused; check that the server"),
        database.connect(),
    ):
        pass


def test_no_error_shows_the_password() -> None:
    url = "postgresql://nobody:hunter2-canary@127.0.0.1:1/none"
    with pytest.raises(StorageUnavailable) as failure, PostgresConnection(url).connect():
        pass
    assert "hunter2" not in str(failure.value)
    assert not isinstance(failure.value.__cause__, psycopg.Error)
