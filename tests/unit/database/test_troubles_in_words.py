"""Every error of PostgreSQL that a person can mend says what it is and what to do."""

from __future__ import annotations

import errno

import psycopg
import pytest

from data_nexus.database.connection.troubles import trouble_of
from data_nexus.database.pool import LastFailure
from data_nexus.errors import StorageDamaged, StorageUnavailable, StorageUnfit

# The classes of SQLSTATE (PostgreSQL, appendix A) in which nothing is wrong with the statement or
# its values: the server, the network, the disk, other sessions, rights, what was added to it.
OF_THE_SERVER = ("08", "28", "40", "53", "55", "57", "58", "F0", "HV", "P0", "XX")
STATES = sorted(
    error.sqlstate
    for error in vars(psycopg.errors).values()
    if isinstance(error, type) and issubclass(error, psycopg.Error) and error.sqlstate
)


def error_of(state: str, text: str = "it failed") -> psycopg.Error:
    return psycopg.errors.lookup(state)(text)


@pytest.mark.parametrize("state", [each for each in STATES if each[:2] in OF_THE_SERVER])
def test_what_the_server_fails_at_ends_with_7_a_cause_and_a_remedy(state: str) -> None:
    trouble = trouble_of(error_of(state))
    assert trouble is not None
    cause, _, remedy = str(trouble).partition("; ")
    assert (cause, trouble.exit_code) == ("PostgreSQL: it failed", 7)
    assert remedy


@pytest.mark.parametrize("state", ["22003", "23505", "42601", "42804", "25P02", "0A000"])
def test_a_wrong_statement_stays_a_bug(state: str) -> None:
    assert trouble_of(error_of(state)) is None


@pytest.mark.parametrize(
    ("state", "kind", "remedy"),
    [
        ("55P03", StorageUnavailable, "pg_stat_activity"),
        ("57014", StorageUnavailable, "run it again"),
        ("53100", StorageUnavailable, "free space"),
        ("25006", StorageUnavailable, "primary server"),
        ("26000", StorageUnfit, "a pooler hands"),
        ("42P05", StorageUnfit, "a pooler hands"),
        ("42P01", StorageUnfit, "nexus db upgrade"),
        ("42703", StorageUnfit, "nexus db upgrade"),
        ("P0001", StorageUnfit, "triggers"),
        ("XX001", StorageDamaged, "restore a backup"),
        ("XX002", StorageDamaged, "REINDEX"),
        ("58P01", StorageDamaged, "restore a backup"),
    ],
)
def test_the_remedy_fits_the_trouble(state: str, kind: type[Exception], remedy: str) -> None:
    trouble = trouble_of(error_of(state))
    assert type(trouble) is kind
    assert remedy in str(trouble)


@pytest.mark.parametrize(
    ("text", "grant"),
    [
        ("permission denied for table runs", "SELECT, INSERT, UPDATE, DELETE ON runs"),
        ("permission denied for view bars", "SELECT ON bars"),
        ("permission denied for schema public", "USAGE, CREATE ON SCHEMA public"),
        ("permission denied for database nexus", "CREATE ON DATABASE nexus"),
        (
            'permission denied to create temporary tables in database "nexus"',
            'TEMPORARY ON DATABASE "nexus"',
        ),
    ],
)
def test_a_right_that_is_missing_is_named_as_a_grant(text: str, grant: str) -> None:
    trouble = trouble_of(error_of("42501", text))
    assert type(trouble) is StorageUnfit
    assert f"GRANT {grant} TO" in str(trouble)


@pytest.mark.parametrize("text", ["must be owner of table runs", "Zugriff verweigert"])
def test_a_right_that_no_grant_gives_is_named_all_the_same(text: str) -> None:
    assert "a role with this right" in str(trouble_of(error_of("42501", text)))


def test_only_what_may_pass_is_tried_again() -> None:
    passing = {state for state in STATES if getattr(trouble_of(error_of(state)), "passes", False)}
    assert passing == {
        *("40001", "40P01", "55P03", "57014", "57P01", "57P05", "25P03", "08006"),
    }
    assert getattr(trouble_of(psycopg.OperationalError("the connection is lost")), "passes", False)


@pytest.mark.parametrize(
    "text",
    [
        "date too large (after year 10K): 'infinity'",
        "timestamp too small (before year 1)",
        "can't parse date '10000-00-01': month must be in 1..12",
    ],
)
def test_a_stored_date_that_python_lacks_is_damage_with_a_remedy(text: str) -> None:
    trouble = trouble_of(psycopg.DataError(text))
    assert type(trouble) is StorageDamaged
    assert f"{text}; a stored date is infinite" in str(trouble)


def test_values_that_the_driver_refuses_are_a_bug() -> None:
    assert trouble_of(psycopg.DataError("NUL")) is None
    assert trouble_of(psycopg.ProgrammingError("no such parameter")) is None


def test_a_pool_without_a_connection_names_the_last_cause() -> None:
    failure = LastFailure(10.0)
    assert "no connection within 10 seconds; all are in use" in str(failure.as_timeout())
    failure.error = error_of("42501", "permission denied for table market_data")
    found = failure.as_timeout()
    assert type(found) is StorageUnfit
    assert str(found).startswith("PostgreSQL: no connection within 10 seconds: permission denied")
    failure.error = OSError(errno.EMFILE, "Too many open files")
    assert "10 seconds: too many open files; raise the limit (ulimit -n)" in str(
        failure.as_timeout()
    )


def test_too_many_open_files_are_named_and_do_not_pass() -> None:
    text = "connection is bad: could not create socket: Too many open files"
    trouble = trouble_of(psycopg.OperationalError(text))
    assert isinstance(trouble, StorageUnavailable)
    assert not trouble.passes
    assert str(trouble).startswith("PostgreSQL: too many open files; raise the limit (ulimit -n)")
