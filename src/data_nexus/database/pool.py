"""Run statements and transactions of the engine on a pool of connections.

The driver's errors are translated, and what a passing trouble of the database undid is done again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.rows import BaseRowFactory
from psycopg_pool import AsyncConnectionPool

from data_nexus.database.connection import (
    AsyncConn,
    conninfo,
    repeated,
    set_meanings,
    storage_errors,
)
from data_nexus.database.queries import query
from data_nexus.errors import RowsRefused

Row = TypeVar("Row")
Result = TypeVar("Result")
Parameters = dict[str, Any]
_WAIT_SEC = 10.0


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of connections; every method raises `StorageUnavailable` for trouble that stays."""

    _connections: AsyncConnectionPool[AsyncConn]

    async def rows(
        self, name: str, parameters: Parameters, row_factory: BaseRowFactory[Row]
    ) -> list[Row]:
        """Run the query `name` and return all its rows."""

        async def ask() -> list[Row]:
            async with self.connection() as connection:
                # Unprepared: PostgreSQL then plans with the actual values and sees that a filter
                # that is NULL filters nothing.
                return await rows_of(connection, name, parameters, row_factory, prepare=False)

        return await repeated(ask)

    async def one(self, name: str, parameters: Parameters, row_factory: BaseRowFactory[Row]) -> Row:
        """Run the query `name` and return its only row."""
        return (await self.rows(name, parameters, row_factory))[0]

    async def execute(self, name: str, parameters: Parameters) -> None:
        """Run the statement `name`."""

        async def do() -> None:
            async with self.connection() as connection:
                await connection.execute(query(name), parameters)

        await repeated(do)

    async def transaction(
        self, work: Callable[[AsyncConn], Awaitable[Result]], *, once: bool = False
    ) -> Result:
        """Do `work` in a transaction, again unless `once`; it may thus be called several times.

        Raises `RowsRefused` if PostgreSQL does not accept the rows.
        """

        async def do() -> Result:
            async with self.begin() as connection:
                return await work(connection)

        return await do() if once else await repeated(do)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConn]:
        """Give a connection in a transaction that is committed at the end; nothing is repeated.

        Raises `RowsRefused` if PostgreSQL does not accept the rows.
        """
        with _refused_rows():
            async with self.connection() as connection, connection.transaction():
                yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConn]:
        """Give a connection; nothing is repeated."""
        with storage_errors():
            async with self._connections.connection() as connection:
                yield connection


@asynccontextmanager
async def open_pool(
    url: str,
    schema: str,
    size: int,
    configure: Callable[[AsyncConn], Awaitable[None]] | None = None,
) -> AsyncIterator[Pool]:
    """Open a pool of `size` connections, each configured first, with two more for a rush."""

    async def prepare(connection: AsyncConn) -> None:
        set_meanings(connection)
        if configure is not None:
            await configure(connection)

    with storage_errors():
        async with AsyncConnectionPool(
            conninfo(url, schema),
            min_size=size,
            max_size=size + 2,
            kwargs={"autocommit": True},
            configure=prepare,
            timeout=_WAIT_SEC,
            open=False,
        ) as connections:
            yield Pool(connections)


async def rows_of(
    connection: AsyncConn,
    name: str,
    parameters: Parameters,
    row_factory: BaseRowFactory[Row],
    *,
    prepare: bool | None = None,
) -> list[Row]:
    """Run the query `name` on a connection and return all its rows."""
    async with connection.cursor(row_factory=row_factory) as cursor:
        await cursor.execute(query(name), parameters, prepare=prepare)
        return await cursor.fetchall()


async def copy_to(connection: AsyncConn, name: str, body: bytes) -> None:
    """Run the COPY `name` with a whole stream of rows."""
    async with connection.cursor() as cursor, cursor.copy(query(name)) as copy:
        await copy.write(body)


@contextmanager
def _refused_rows() -> Iterator[None]:
    """Translate the driver's errors that mean *these rows cannot be stored* into `RowsRefused`."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise RowsRefused(f"PostgreSQL refused the rows: {type(error).__name__}") from None
