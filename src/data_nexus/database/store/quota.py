"""Keep the quota of a token and what it was refused: every change by one worker at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from psycopg.rows import dict_row

from data_nexus.database.connection import AsyncConn
from data_nexus.database.pool import Pool, rows_of
from data_nexus.database.queries import ASSUMED_MINUTE_LIMIT, query, refused_exchanges
from data_nexus.database.store.clock import DatabaseClock
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.quota import Quota

Result = TypeVar("Result")
Decide = Callable[[Quota, datetime], tuple[Quota, Result]]


@dataclass(frozen=True, slots=True)
class QuotaLedger:
    """The quota of one token. Each change locks its row, so that workers take turns."""

    _pool: Pool
    token_id: str
    clock: DatabaseClock

    async def change(
        self, decide: Decide[Result], *, reported: bool = False, once: bool = False
    ) -> tuple[Result, datetime]:
        """Let `decide` turn the quota and the database's moment into a new quota and a result.

        Returns the result and that moment. With `reported` the row also notes that the vendor has
        reported the day's count. `decide` may be called twice, when the first transaction was
        undone; not with `once`.
        """

        async def work(connection: AsyncConn) -> tuple[Result, datetime]:
            # Losing the last half second of charges in a crash of the server is harmless: the
            # vendor's own count is read before anything is spent again (ADR 0018).
            await connection.execute("SET LOCAL synchronous_commit = off")
            return await self._change(connection, decide, reported=reported)

        return await self._pool.transaction(work, once=once)

    async def _change(
        self, connection: AsyncConn, decide: Decide[Result], *, reported: bool
    ) -> tuple[Result, datetime]:
        row = await self._locked(connection)
        moment, reported_at = row.pop("moment"), row.pop("reported_at")
        self.clock.note(moment)
        before = Quota(**row)
        after, result = decide(before, moment)
        if after != before or reported:
            saved = {"token_id": self.token_id, "reported_at": moment if reported else reported_at}
            await connection.execute(query("save_quota"), asdict(after) | saved)
        return result, moment

    async def _locked(self, connection: AsyncConn) -> dict[str, Any]:
        """Return the token's row, locked; it is inserted if there is none."""
        token = {"token_id": self.token_id}
        found = await rows_of(connection, "lock_quota", token, dict_row)
        if not found:
            first = token | {"minute_limit": ASSUMED_MINUTE_LIMIT}
            await connection.execute(query("know_token"), first)
            found = await rows_of(connection, "lock_quota", token, dict_row)
        return found[0]

    async def refused(self, endpoint: Endpoint, since: datetime) -> set[str]:
        """Return the exchanges for which the token was refused an endpoint since a moment."""
        return {*await self._pool.rows(*refused_exchanges(self.token_id, endpoint, since))}

    async def note_refusal(
        self, endpoint: Endpoint, exchange: str, moment: datetime | None
    ) -> None:
        """Remember that the token was refused an endpoint, or with None that it is not any more."""
        parameters = {
            "token_id": self.token_id,
            "endpoint": endpoint.value,
            "exchange": exchange,
            "moment": moment,
        }
        await self._pool.execute("note_refusal" if moment else "drop_refusal", parameters)
