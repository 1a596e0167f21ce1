"""Owns the ledger's row in PostgreSQL: every change of a token's quota, one worker at a time."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from data_nexus.config import Secret
from data_nexus.database.connection import AsyncConn, repeated, storage_errors
from data_nexus.database.queries import query
from data_nexus.domain.limits.quota import Quota

Result = TypeVar("Result")
# Until an answer's headers have told the minute's limit; less than any that was ever seen.
UNTOLD_MINUTE_LIMIT = 300
_HASH_KEY = b"data-nexus quota ledger"


def token_id(token: Secret) -> str:
    """Return what the ledger calls a token: a keyed hash that tells nothing about it."""
    return hmac.digest(_HASH_KEY, token.reveal().encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class LedgerStore:
    """The row of one token. Each change locks it, so that workers take turns."""

    _pool: AsyncConnectionPool[AsyncConn]
    token_id: str

    async def change(
        self,
        decide: Callable[[Quota, datetime], tuple[Quota, Result]],
        *,
        told: bool = False,
        once: bool = False,
    ) -> tuple[Result, datetime]:
        """Let `decide` turn the quota and the database's moment into a new quota and a result.

        Returns the result and that moment. With `told` the row also notes that the vendor told.
        `decide` may be called twice, when the first transaction was undone.
        """
        if once:
            return await self._change_once(decide, told=told)
        return await repeated(lambda: self._change_once(decide, told=told))

    async def _change_once(
        self, decide: Callable[[Quota, datetime], tuple[Quota, Result]], *, told: bool
    ) -> tuple[Result, datetime]:
        async with self._transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query("lock_quota"), {"token_id": self.token_id})
            row = await cursor.fetchone()
            if row is None:
                opening = {"token_id": self.token_id, "minute_limit": UNTOLD_MINUTE_LIMIT}
                await cursor.execute(query("know_token"), opening)
                await cursor.execute(query("lock_quota"), {"token_id": self.token_id})
                row = await cursor.fetchone()
            assert row is not None  # noqa: S101 - it was just inserted
            moment, reported_at = row.pop("moment"), row.pop("reported_at")
            before = Quota(**row)
            after, result = decide(before, moment)
            if after != before or told:
                saved = asdict(after) | {"reported_at": moment if told else reported_at}
                await cursor.execute(query("save_quota"), saved | {"token_id": self.token_id})
        return result, moment

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConn]:
        with storage_errors():
            async with self._pool.connection() as connection, connection.transaction():
                # Losing the last half second of charges in a crash of the server is harmless: the
                # vendor's own count is asked for before anything is spent again (ADR 0018).
                await connection.execute("SET LOCAL synchronous_commit = off")
                yield connection
