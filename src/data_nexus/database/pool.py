"""Run statements and transactions of the engine on a pool of connections.

The driver's errors are translated, and what a passing trouble of the database undid is done again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import BaseRowFactory
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from data_nexus.database.connection import (
    AsyncConn,
    conninfo,
    repeated,
    set_meanings,
)
from data_nexus.database.connection.troubles import storage_errors, trouble_of
from data_nexus.database.queries import query
from data_nexus.errors import (
    OUT_OF_FILES,
    RowsRefused,
    StorageUnavailable,
    StorageUnfit,
    out_of_files,
)

Row = TypeVar("Row")
Result = TypeVar("Result")
Parameters = dict[str, Any]
_WAIT_SEC = 10.0


@dataclass(slots=True)
class LastFailure:
    """Why a pool's last attempt to make a connection ready failed; None since one succeeded."""

    wait_sec: float
    error: psycopg.Error | OSError | None = None

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Remember an error on its way to the pool, which tries again and keeps it to itself."""
        try:
            yield
        except (psycopg.Error, OSError) as error:
            self.error = error
            raise

    def as_timeout(self) -> StorageUnavailable | StorageUnfit:
        """Return the error for a pool that had no connection in time, with the cause."""
        waited = f"no connection within {self.wait_sec:g} seconds"
        if isinstance(self.error, OSError) and self.error.errno in OUT_OF_FILES:
            return out_of_files(f"PostgreSQL: {waited}")
        if isinstance(self.error, OSError):
            return StorageUnavailable(f"PostgreSQL: {waited}: {self.error.strerror or self.error}")
        cause = None if self.error is None else trouble_of(self.error)
        if cause is None:
            return StorageUnavailable(f"PostgreSQL: {waited}; all are in use: run it again")
        text = str(cause).removeprefix("PostgreSQL: ")
        return type(cause)(f"PostgreSQL: {waited}: {text}")


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of connections; every method raises `StorageUnavailable` for trouble that stays.

    `StorageUnfit` is for what a person must change.
    """

    _connections: AsyncConnectionPool[AsyncConn]
    _failure: LastFailure

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
        async with self.connection() as connection:
            with _refused_rows():
                async with connection.transaction():
                    yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConn]:
        """Give a connection; nothing is repeated."""
        try:
            with storage_errors():
                async with self._connections.connection() as connection:
                    yield connection
        except PoolTimeout:
            raise self._failure.as_timeout() from None


@asynccontextmanager
async def open_pool(
    url: str,
    schema: str,
    size: int,
    configure: Callable[[AsyncConn], Awaitable[None]] | None = None,
    wait_sec: float = _WAIT_SEC,
) -> AsyncIterator[Pool]:
    """Open a pool of `size` connections, each configured first, with two more for a rush.

    Who wants one waits for `wait_sec` at most.
    """
    failure = LastFailure(wait_sec)

    async def configured(connection: AsyncConn) -> None:
        with failure.noted():
            set_meanings(connection)
            if configure:
                await configure(connection)
        failure.error = None

    with storage_errors():
        async with AsyncConnectionPool[AsyncConn](
            conninfo(url, schema),
            connection_class=_noting(failure),
            min_size=size,
            max_size=size + 2,
            kwargs={"autocommit": True},
            configure=configured,
            timeout=wait_sec,
            open=False,
        ) as connections:
            yield Pool(connections, failure)


def _noting(failure: LastFailure) -> type[AsyncConn]:
    """Return the class of connections whose failures are noted as they are made."""

    class Noted(AsyncConnection[tuple[Any, ...]]):
        @classmethod
        async def connect(cls, *address: Any, **options: Any) -> Self:  # noqa: ANN401
            with failure.noted():
                return await super().connect(*address, **options)

    return Noted


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
        if trouble_of(error) is not None:
            raise  # what is stored cannot be read: no fault of these rows
        raise RowsRefused(f"PostgreSQL refused the rows: {type(error).__name__}") from None
