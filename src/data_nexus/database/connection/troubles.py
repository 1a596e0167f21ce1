"""Say what the driver's errors mean for a person: subject, cause, remedy.

The table is by SQLSTATE; what is not in it is a mistake of the statement, and so a bug of ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolTimeout

from data_nexus.errors import (
    OUT_OF_FILES,
    StorageDamaged,
    StorageUnavailable,
    StorageUnfit,
    out_of_files,
)

Trouble = tuple[type[StorageUnavailable | StorageUnfit], str]
# Serialization failure, deadlock, lock timeout, statement timeout, a session that was ended by an
# operator, by its idleness, or that was cut (no code).
_PASSING = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P05", "25P03", "08006", None})
_REACH = "check that the server runs and takes connections, and that DATABASE_URL is right"
_AGAIN = "run it again"
_OTHER_TABLES = (
    "the tables are not those of this version: run nexus db upgrade, restore a backup, or name"
    " another schema by NEXUS_SCHEMA"
)
_POOLER = (
    "a pooler hands each transaction another session: let it pool sessions, or name the server"
    " itself by DATABASE_URL"
)
_BACKUP = "stored rows are damaged: restore a backup; nexus verify looks at every table"
# What the driver's errors mean for a person, by SQLSTATE or by its class; any other is a bug.
_TROUBLES: dict[str, Trouble] = {
    "08": (StorageUnavailable, _REACH),
    "25006": (StorageUnavailable, "DATABASE_URL must name the primary server, which can write"),
    "25P03": (StorageUnavailable, _AGAIN),
    "25P04": (StorageUnavailable, "raise the server's transaction_timeout, then run it again"),
    "26000": (StorageUnfit, _POOLER),
    "28": (StorageUnavailable, "check the user and the password of DATABASE_URL"),
    "2F": (StorageUnfit, "look at the functions that were added to the database"),
    "34000": (StorageUnfit, _POOLER),
    "38": (StorageUnfit, "look at the functions that were added to the database"),
    "39": (StorageUnfit, "look at the triggers that were added to the tables"),
    "3D": (StorageUnfit, "check the database's name in DATABASE_URL"),
    "3F": (StorageUnfit, _OTHER_TABLES),
    "40": (StorageUnavailable, f"another transaction interfered: {_AGAIN}"),
    "42501": (StorageUnfit, ""),
    "42703": (StorageUnfit, _OTHER_TABLES),
    "42883": (StorageUnfit, _OTHER_TABLES),
    "42P01": (StorageUnfit, _OTHER_TABLES),
    "42P05": (StorageUnfit, _POOLER),
    "42P07": (StorageUnfit, _OTHER_TABLES),
    "53": (StorageUnavailable, f"give the server more of what it lacks, then {_AGAIN}"),
    "53100": (StorageUnavailable, f"free space on the server's disk, then {_AGAIN}"),
    "53300": (StorageUnavailable, "raise max_connections or the role's limit, or end a command"),
    "55": (StorageUnavailable, _AGAIN),
    "55P03": (
        StorageUnavailable,
        f"another session has locked it: let that end (pg_stat_activity shows it), then {_AGAIN}",
    ),
    "57": (StorageUnavailable, f"{_AGAIN} when the server takes connections"),
    "57014": (StorageUnavailable, f"the server was too busy, or a person ended it: {_AGAIN}"),
    "58": (StorageUnavailable, "look at the server's log, and at its disk"),
    "58P01": (StorageDamaged, _BACKUP),
    "F0": (StorageUnavailable, "look at the server's log"),
    "HV": (StorageUnfit, "look at the foreign tables that were added to the database"),
    "P0": (StorageUnfit, "look at the triggers that were added to the tables"),
    "XX": (StorageUnavailable, "PostgreSQL failed inside: look at the server's log"),
    "XX001": (StorageDamaged, _BACKUP),
    "XX002": (StorageDamaged, "an index is damaged: run REINDEX DATABASE, or restore a backup"),
}
# What the driver says of received dates: PostgreSQL has some that Python lacks.
_NO_DATE = re.compile(r"(?:date|timestamp) too (?:large|small)|can't parse (?:date|timestamp)")
_DATES = (
    "a stored date is infinite or outside the years 1 to 9999: correct it by SQL, or restore a"
    " backup"
)
# libpq's words are the system's.
_OUT_OF_FILES = tuple(os.strerror(each) for each in OUT_OF_FILES)
_DENIED = re.compile(r"permission denied (?:for|to create) (\w+ ?\w*?) (?:in database )?(\S+)$")


def trouble_of(error: psycopg.Error) -> StorageUnavailable | StorageUnfit | None:
    """Return what an error of the driver means for a person: subject, cause, remedy.

    None if the statement or its values are wrong, which is a bug of ours. The text holds no
    password.
    """
    state = error.sqlstate
    if state is None:
        return _of_driver(error)
    kind, remedy = _TROUBLES.get(state) or _TROUBLES.get(state[:2]) or (None, "")
    if kind is StorageUnavailable:
        return StorageUnavailable(_said(error, remedy), passes=state in _PASSING)
    return None if kind is None else kind(_said(error, remedy or _grant(error)))


def _of_driver(error: psycopg.Error) -> StorageUnavailable | StorageUnfit | None:
    """Return what an error means that no server reported: a connection that was not made or broke.

    Otherwise the driver refused our values, or could not read those that are stored.
    """
    if isinstance(error, psycopg.DataError) and _NO_DATE.match(str(error)):
        return StorageDamaged(_said(error, _DATES))
    if isinstance(error, psycopg.ProgrammingError | psycopg.DataError | psycopg.NotSupportedError):
        return None
    if any(said in str(error) for said in _OUT_OF_FILES):
        return out_of_files("PostgreSQL")
    return StorageUnavailable(_said(error, _REACH), passes=True)


def _said(error: psycopg.Error, remedy: str) -> str:
    return f"PostgreSQL: {_cause(error)}; {remedy}"


def _cause(error: psycopg.Error) -> str:
    lines = (error.diag.message_primary or str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _grant(error: psycopg.Error) -> str:
    """Return the statement that gives the role of DATABASE_URL what it lacks."""
    found = _DENIED.search(_cause(error))
    kind, name = found.groups() if found else ("", "")
    right = {
        "table": f"SELECT, INSERT, UPDATE, DELETE ON {name}",
        "view": f"SELECT ON {name}",
        "schema": f"USAGE, CREATE ON SCHEMA {name}",
        "database": f"CREATE ON DATABASE {name}",
        "temporary tables": f"TEMPORARY ON DATABASE {name}",
    }.get(kind)
    if right is None:
        return "DATABASE_URL must name a role with this right"
    return f"run as its owner: GRANT {right} TO the role of DATABASE_URL"


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate the driver's errors that a person can mend into `StorageUnavailable` and its kin.

    Errors of our own statements pass: they are bugs.
    """
    try:
        yield
    except PoolTimeout:
        raise  # the pool knows the cause
    except psycopg.Error as error:
        if (trouble := trouble_of(error)) is None:
            raise
        raise trouble from None
