"""Answer one SQL query of a person's with an Arrow table; nothing can be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.sql_rights import reading_sql
from data_nexus.errors import UsageError
from data_nexus.research.columns import MOMENT

# By the names of PostgreSQL's types; all others are read as text.
_TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "numeric": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": MOMENT,
    "time": pa.time64("us"),
    "bytea": pa.binary(),
}
# The classes of SQLSTATE in which no query is at fault: the system, its files, a damaged page.
_OF_THE_SERVER = ("58", "F0", "XX")
_LISTS = {"bool", "int2", "int4", "int8", "float4", "float8", "date", "timestamptz", "text"}


def ask(
    database: PostgresConnection,
    query: str,
    parameters: Mapping[str, Any] | Sequence[Any] | None = None,
) -> pa.Table:
    """Return the rows that one SQL query gives, in a session that can only read.

    Columns have the Arrow types of PostgreSQL's; numeric becomes float64, types that Arrow lacks
    become text. Raises `UsageError` for a query that PostgreSQL refuses, that writes, or that
    returns no table, and for two columns of one name; `StorageDamaged` and its kin for trouble of
    the database.
    """
    with reading_sql(database, query) as connection:
        try:
            cursor = connection.execute(query.encode(), parameters, prepare=False, binary=True)
            rows = cursor.fetchall() if cursor.description else None
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            if (error.sqlstate or "").startswith(_OF_THE_SERVER):
                raise
            raise UsageError(f"the query is refused: {_first_line(error)}") from None
        if rows is None:
            raise UsageError("the query returns no table; only reading is possible")
        described = cursor.description or ()
        kinds = {
            each.type_code: connection.adapters.types.get(each.type_code) for each in described
        }
    names = [each.name for each in described]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"two columns are called {min(twice)!r}; rename one with AS")
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    arrays = [
        _array(column, kinds[each.type_code], each.type_code)
        for column, each in zip(columns, described, strict=True)
    ]
    return pa.table(arrays, names=names)


def _array(column: Sequence[Any], kind: Any, oid: int) -> pa.Array:  # noqa: ANN401 - psycopg's
    name = kind.name if kind else ""
    if kind and oid == kind.array_oid and name in _LISTS:
        return pa.array(column, pa.list_(_TYPES.get(name, pa.string())))
    if kind and oid == kind.oid and name in _TYPES:
        numbers = name == "numeric"
        return pa.array(
            [float(x) if isinstance(x, Decimal) else x for x in column] if numbers else column,
            _TYPES[name],
        )
    return pa.array([None if each is None else str(each) for each in column], pa.string())


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
