"""Let one run at a time work on an exchange as a whole, and remember what was requested of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.rows import scalar_row, tuple_row

from data_nexus.database.connection import AsyncConn
from data_nexus.database.pool import Pool, rows_of
from data_nexus.database.queries import query

# How often a run that waits for another one looks whether it has ended.
_TURN_SEC = 0.2


class WholeRequest(StrEnum):
    """What is requested of a whole exchange: its symbol lists, or sessions in bulk.

    `LATE`: a session was requested, in bulk or by probes, and was not out.
    """

    LIST = "list"
    BULK = "bulk"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class ExchangeTurns:
    """The turns of runs at exchanges; the moments are the database's own."""

    _pool: Pool

    @asynccontextmanager
    async def alone_with(
        self, exchange: str, given_up: asyncio.Event, *, waits: bool = True
    ) -> AsyncIterator[bool]:
        """Be the only run at work on an exchange as a whole, and say whether this run is.

        One that does not wait leaves an exchange to the run that is there; and once `given_up`, no
        other one is waited for. It saves calls and guards nothing else: two runs at once are right,
        too, so that trouble with it is ignored.
        """
        asked = {"exchange": exchange}
        async with self._pool.connection() as connection:
            is_alone = await _take(connection, asked)
            while not is_alone and waits and not given_up.is_set():
                await asyncio.sleep(_TURN_SEC)
                is_alone = await _take(connection, asked)
            try:
                yield is_alone
            finally:
                if is_alone:
                    with suppress(psycopg.OperationalError):
                        await connection.execute(query("end_update"), asked)

    async def lately(self, request: WholeRequest, within_sec: float) -> dict[str, date | None]:
        """Return the exchanges of which this was requested lately, and through which session."""
        asked = {"request": request, "within_sec": within_sec}
        return dict(await self._pool.rows("read_exchange_requests", asked, tuple_row))

    async def note(self, request: WholeRequest, exchange: str, through: date | None = None) -> None:
        """Note that this was requested now."""
        noted = {"request": request, "exchange": exchange, "through": through}
        await self._pool.execute("note_exchange_request", noted)

    async def forget(self, request: WholeRequest, exchange: str) -> None:
        """Let this be requested again at any time."""
        noted = {"request": request, "exchange": exchange}
        await self._pool.execute("forget_exchange_request", noted)


async def _take(connection: AsyncConn, asked: dict[str, Any]) -> bool:
    try:
        return bool((await rows_of(connection, "try_update", asked, scalar_row))[0])
    except psycopg.OperationalError:
        return True
