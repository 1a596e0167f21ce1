"""Answer one SQL query over the tables of a snapshot with DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

from data_nexus.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.dataset import Dataset

Parameters: TypeAlias = "Mapping[str, Any] | Sequence[Any]"
# Whatever a query says, it reads the snapshot and nothing else.
_CLOSED = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "TimeZone": "'UTC'",
    "lock_configuration": "true",
}


def ask(
    tables: Mapping[str, Dataset], query: str, parameters: Parameters | None = None
) -> pa.Table:
    """Return the rows that one SQL query over some tables gives.

    Parameters are written `$name` or `?`. Raises `UsageError` for a query that DuckDB refuses, for
    one that returns no table, and where the extra `duckdb` is not installed.
    """
    if find_spec("duckdb") is None:
        raise UsageError("SQL over a snapshot needs the extra: pip install 'data-nexus[duckdb]'")
    duckdb = import_module("duckdb")
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        for name, value in _CLOSED.items():
            connection.execute(f"SET {name} = {value}")
        try:
            answer = connection.sql(query, params=parameters)
            rows = None if answer is None else answer.to_arrow_table()
        except duckdb.Error as error:
            raise UsageError(f"the query is refused: {str(error).splitlines()[0]}") from None
    if rows is None:
        raise UsageError("the query returns no table; only reading is possible")
    return rows
