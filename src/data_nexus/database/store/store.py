"""Owns the engine's way into PostgreSQL: claim leases, commit batches, renew and give back.

All of it is async and parameterised; the moments are the database's own. A commit is one
transaction: fence check, bars, rejects, cursor and sync log, or nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from data_nexus.config import Secret
from data_nexus.database.connection import (
    AsyncConn,
    conninfo,
    repeated,
    rows_of,
    storage_errors,
)
from data_nexus.database.queries import query
from data_nexus.database.store.actions import ActionStore, VendorActions, read_bars
from data_nexus.database.store.batch import Batch, DeadLetter, Receipt
from data_nexus.database.store.claims import Due, QueuePosition, lease_of, queue_order
from data_nexus.database.store.commit import write_batches
from data_nexus.database.store.quota import LedgerStore, token_id
from data_nexus.database.store.sessions import TOGETHER, BulkStore
from data_nexus.domain.adjustment.findings import AssetFinding
from data_nexus.domain.bars import Bars
from data_nexus.domain.lease import Lease
from data_nexus.domain.planning.audit import RECORD_DAYS, Record
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import RowsRefused, StorageUnavailable

_POOL_SECONDS = 10.0
# A worker distrusts its leases this share of their time before the database does.
_DISTRUST_SHARE = 1 / 6
_SEND_BUFFER = 1 << 22
_MOST_RESCUES = 3

__all__ = ["Due", "QueuePosition", "Store", "open_store"]


@asynccontextmanager
async def open_store(url: str, schema: str, writers: int, lease_sec: float) -> AsyncIterator[Store]:
    """Open the engine's store: a pool of `writers` connections and one that proves that we live."""
    target = conninfo(url, schema)
    owner = secrets.randbits(63)
    with storage_errors():
        async with (
            await AsyncConnection.connect(target, autocommit=True) as presence,
            AsyncConnectionPool(
                target,
                min_size=writers,
                max_size=writers + 2,
                kwargs={"autocommit": True},
                configure=_prepare,
                timeout=_POOL_SECONDS,
                open=False,
            ) as pool,
        ):
            await presence.execute(query("hold_presence"), {"owner": owner})
            yield Store(presence, pool, owner, lease_sec)


async def _prepare(connection: AsyncConn) -> None:
    await connection.execute(query("create_staging"))
    # Rows for PostgreSQL leave in few large pieces, as far as the system allows: with small ones
    # it would wait for the event loop, which is busy decoding, after each of them.
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


@dataclass(slots=True)
class Store:
    """The engine's verbs on the database, as the worker `owner`."""

    _presence: AsyncConn
    _pool: AsyncConnectionPool[AsyncConn]
    owner: int
    lease_sec: float
    # The assets whose leases this worker knows to hold, and until when it trusts a renewed one.
    _held: dict[int, float] = field(default_factory=dict)

    async def claim(
        self, due: Due, position: QueuePosition, limit: int, *, suspect: bool = False
    ) -> list[Lease]:
        """Claim up to `limit` due assets after `position`, and move it on.

        `suspect` assets are those whose worker was lost while it held them; they are claimed
        apart, so that one that takes workers down does not take others' leases with it.
        """
        trusted_until = self._trust_from(time.monotonic())
        parameters = due.parameters(limit) | {
            "suspect": suspect,
            "after_synced": position.last_synced,
            "after_id": position.asset_id,
            "owner": self.owner,
            "lease_sec": self.lease_sec,
        }
        rows = await repeated(lambda: self._claim_once(due.query, parameters))
        rows.sort(key=queue_order)
        self._held.update((row[0], 0.0) for row in rows)
        if rows:
            position.last_synced, position.asset_id = rows[-1][6], rows[-1][0]
        return [lease_of(row, trusted_until, is_audit=due.is_audit) for row in rows]

    async def _claim_once(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        try:
            async with self._connection() as connection:
                return await rows_of(connection, name, parameters, prepare=False)
        except StorageUnavailable:
            # It may have been done and its answer lost: nobody would ask for what it took.
            known = {"owner": self.owner, "asset_ids": list(self._held)}
            await self._execute("release_unknown", known)
            raise

    async def requeue_absent(self, moment: datetime | None = None) -> None:
        """Let assets that had no bars back into the queue when it is time to ask again.

        As of a moment, by default the database's.
        """
        await self._execute("requeue_absent", {"moment": moment})

    async def count_due(self, due: Due, limit: int) -> int:
        """Return how many assets `claim` could hand out now, up to `limit`."""
        return int((await self._one("count_due", due.parameters(limit)))[0])

    async def audit_records(self) -> list[Record]:
        """Return the audit's record of each exchange with loaded assets."""
        rows = await self._rows("audit_records", {"record_days": RECORD_DAYS})
        return [Record(*row) for row in rows]

    async def find_assets(self, symbols: Sequence[Symbol]) -> dict[Symbol, int]:
        """Return the ids of the known ones among `symbols`."""
        parameters = {
            "symbols": [symbol.code for symbol in symbols],
            "exchanges": [symbol.exchange for symbol in symbols],
        }
        rows = await self._rows("find_assets", parameters)
        return {Symbol(row[1], row[2]): int(row[0]) for row in rows}

    async def commit(self, batches: Sequence[Batch], run_id: int | None) -> list[Receipt | None]:
        """Commit batches in one transaction; None stands for a batch whose lease was lost."""
        try:
            receipts = await repeated(lambda: self._commit_once(batches, run_id))
        except psycopg.errors.UniqueViolation:
            # Bars under an asset without a cursor: someone has moved it. They are merged then.
            if not any(batch.lease.is_first for batch in batches):
                raise
            return await self.commit([batch.as_reread() for batch in batches], run_id)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RowsRefused(f"PostgreSQL refused the rows: {type(error).__name__}") from None
        self._let_go(batch.lease for batch in batches)
        return [receipts.get(batch.lease.asset_id) for batch in batches]

    async def _commit_once(
        self, batches: Sequence[Batch], run_id: int | None
    ) -> dict[int, Receipt]:
        receipts: dict[int, Receipt] = {}
        trusted = [batch for batch in batches if self.trusts(batch.lease)]
        try:
            async with self._connection() as connection, connection.transaction():
                receipts = await write_batches(connection, self.owner, trusted, run_id)
        except StorageUnavailable:
            # The connection may have broken while COMMIT was under way. The sync log says whether
            # it happened: the whole transaction is there or none of it.
            if not receipts or await self._settled(batches) != receipts.keys():
                raise
        return receipts

    async def stored_bars(self, lease: Lease, first: date) -> Bars:
        """Return the bars that an asset has from a date on, ascending."""

        async def ask() -> Bars:
            async with self._connection() as connection:
                return await read_bars(connection, lease.asset_id, first)

        return await repeated(ask)

    async def release(self, leases: Sequence[Lease], *, failed: bool) -> None:
        """Give leases back without an answer; the assets stay due."""
        parameters = {
            "asset_ids": [lease.asset_id for lease in leases],
            "fences": [lease.fence for lease in leases],
            "failed": [failed for _ in leases],
            "owner": self.owner,
        }
        await self._execute("release_leases", parameters)
        self._let_go(leases)

    async def release_all(self) -> None:
        """Give back whatever this worker still holds, known to it or not; the assets stay due."""
        await self._execute("release_all", {"owner": self.owner})
        self._held.clear()

    async def renew(self) -> None:
        """Hold on to the leases that this worker knows of; any other of its own may run out."""
        # Trust counts from before the question: a late answer must not stretch it.
        trusted_until = self._trust_from(time.monotonic())
        parameters = {
            "owner": self.owner,
            "lease_sec": self.lease_sec,
            "asset_ids": list(self._held),
        }
        for (asset_id,) in await self._rows("renew_leases", parameters):
            self._held[asset_id] = trusted_until

    async def watch(self) -> None:
        """Run until the session that proves that this worker lives is gone, and say so.

        Others may have taken its leases over from then on. Raises `StorageUnavailable`.
        """
        with storage_errors():
            async for _ in self._presence.notifies():
                pass

    def trusts(self, lease: Lease) -> bool:
        """Say whether this worker may still think that a lease is its own."""
        return time.monotonic() < max(lease.trusted_until, self._held.get(lease.asset_id, 0.0))

    def _let_go(self, leases: Iterable[Lease]) -> None:
        for lease in leases:
            self._held.pop(lease.asset_id, None)

    def _trust_from(self, moment: float) -> float:
        return moment + self.lease_sec * (1 - _DISTRUST_SHARE)

    async def free_lost_leases(self) -> list[int]:
        """Free leases that ran out or whose worker has left; return the ids of their assets.

        An asset whose worker was lost three times in a row becomes a dead letter.
        """
        parameters = {"lease_sec": self.lease_sec}
        freed = [int(row[0]) for row in await self._rows("free_lost_leases", parameters)]
        if freed:
            await self._execute("park_rescued", {"most": _MOST_RESCUES})
        return freed

    async def park(self, lease: Lease, dead_letter: DeadLetter) -> bool:
        """Park an asset with a dead letter; False, and nothing written, if its lease was lost."""
        parameters = asdict(dead_letter) | {
            "asset_id": lease.asset_id,
            "fence": lease.fence,
            "owner": self.owner,
        }
        parked = await self._rows("park_asset", parameters)
        self._let_go([lease])
        return bool(parked)

    async def report(self, state: dict[str, Any]) -> None:
        """Show how this worker is doing, for `nexus status`."""
        await self._execute("report_worker", {"owner": self.owner, "state": json.dumps(state)})

    async def leave(self) -> None:
        """Take this worker off the list."""
        await self._execute("remove_worker", {"owner": self.owner})

    async def settle_actions(
        self, lease: Lease, told: VendorActions
    ) -> tuple[AssetFinding, ...] | None:
        """Store what was told of an asset's actions; None, and nothing written, without a lease."""
        found = await self.actions().settle(lease, told) if self.trusts(lease) else None
        self._let_go([lease])
        return found

    def actions(self) -> ActionStore:
        """Return the verbs for actions."""
        return ActionStore(self._pool)

    def bulk(self, together: int = TOGETHER) -> BulkStore:
        """Return the verbs for bulk answers, of which so many assets share a transaction."""
        return BulkStore(self._pool, together)

    def ledger(self, token: Secret) -> LedgerStore:
        """Return the ledger's row of a token."""
        return LedgerStore(self._pool, token_id(token))

    async def days_ago(self, days: float) -> datetime:
        """Return the moment so many days ago, by the database's clock."""
        moment: datetime = (await self._one("days_ago", {"days": days}))[0]
        return moment

    async def start_run(self, command: str) -> int:
        """Open a row in `runs` and return its id; close those that were left open by the dead."""
        return int((await self._one("start_run", {"command": command, "owner": self.owner}))[0])

    async def finish_run(self, run_id: int, outcome: str, figures: dict[str, Any]) -> None:
        """Close a row in `runs`."""
        parameters = {"run_id": run_id, "outcome": outcome, "figures": json.dumps(figures)}
        await self._execute("finish_run", parameters)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConn]:
        with storage_errors():
            async with self._pool.connection() as connection:
                yield connection

    async def _settled(self, batches: Sequence[Batch]) -> set[int]:
        parameters = {
            "asset_ids": [batch.lease.asset_id for batch in batches],
            "fences": [batch.lease.fence for batch in batches],
        }
        asset_ids = {"asset_ids": parameters["asset_ids"]}
        async with self._connection() as connection, connection.transaction():
            await rows_of(connection, "await_leases", asset_ids)
            return {int(row[0]) for row in await rows_of(connection, "settled_fences", parameters)}

    async def _one(self, name: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
        return (await self._rows(name, parameters))[0]

    async def _rows(self, name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        async def ask() -> list[tuple[Any, ...]]:
            async with self._connection() as connection:
                # Unprepared: PostgreSQL then plans with the actual values and sees that a filter
                # that is NULL is no filter.
                return await rows_of(connection, name, parameters, prepare=False)

        return await repeated(ask)

    async def _execute(self, name: str, parameters: dict[str, Any]) -> None:
        async def do() -> None:
            async with self._connection() as connection:
                await connection.execute(query(name), parameters)

        await repeated(do)
