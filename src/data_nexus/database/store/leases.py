"""Claim due assets for one worker, hold on to its leases, and free those of lost workers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from psycopg.rows import args_row, class_row, scalar_row

from data_nexus.database.connection import AsyncConn, repeated
from data_nexus.database.connection.troubles import storage_errors
from data_nexus.database.pool import Pool, rows_of
from data_nexus.database.queries import claimable, segment_parameters
from data_nexus.database.store.batch import DeadLetter
from data_nexus.domain.adjustment.findings import RETRY_AFTER_DAYS
from data_nexus.domain.limits.backoff import LONGEST_ABSENCE_DAYS
from data_nexus.domain.planning.due import LONGEST_CLOSURE_DAYS, MarketSegment, Queued
from data_nexus.domain.planning.lease import REPAIR, Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import StorageUnavailable

# A worker distrusts its leases this share of their time before the database does.
_DISTRUST_SHARE = 1 / 6
_MOST_RESCUES = 3
# How often a worker looks for moments that lie ahead.
_TAKE_BACK_EVERY_SEC = 3600.0
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Due:
    """Which assets a run may claim: last answered before a moment, of one exchange, of some ids.

    With `published`, the last session that is out by market segment, the calendar decides: an asset
    is claimed if its cursor is behind that session. One that has answered since the moment, or
    since that of its segment in `answered_before`, and is behind all the same is not fetched again.
    With `wants_actions` it is the assets whose splits and dividends are to be fetched. For an audit
    it is the last answer with the whole history that was before the moment, and delisted and
    resting assets take part. With `wants_repair` it is the mark of a damaged history, and all take
    part whose code is still their own and that are not parked; one that `withdraws` takes out what
    the vendor does not send. With `is_suspected` it is the moment
    from which a suspicion has an asset read again, with `is_sample` the moment before which a
    sample of actions was drawn.
    """

    synced_before: datetime
    exchange: str | None = None
    asset_ids: list[int] | None = None
    published: Mapping[MarketSegment, date] | None = None
    answered_before: Mapping[MarketSegment, datetime] | None = None
    wants_actions: bool = False
    is_audit: bool = False
    wants_repair: bool = False
    withdraws: bool = False
    is_suspected: bool = False
    is_sample: bool = False

    @property
    def query(self) -> str:
        """The query that claims them."""
        if self.wants_actions:
            return "claim_sampled" if self.is_sample else "claim_wanted"
        if self.is_audit:
            return "claim_audit"
        if self.wants_repair:
            return "claim_damaged"
        if self.is_suspected:
            return "claim_suspected"
        return "claim_due" if self.published is None else "claim_behind"

    @property
    def cause(self) -> str | None:
        """Why whole histories are read again although nothing is due; None if it is due."""
        if self.is_suspected:
            return "suspicion"
        return "audit" if self.is_audit else REPAIR if self.wants_repair else None

    def parameters(self, limit: int) -> dict[str, Any]:
        """Return what the queries for due assets take."""
        published, before = self.published or {}, self.answered_before or {}
        return {
            "synced_before": self.synced_before,
            "exchange": self.exchange,
            "asset_ids": self.asset_ids,
            "answered_before": [before.get(each, self.synced_before) for each in published],
            "limit": limit,
        } | segment_parameters(published)


@dataclass(slots=True)
class QueuePosition:
    """How far a run has come in the queue; what comes before is not claimed again."""

    last_synced: datetime | None = None
    asset_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """A row that a claim returns; `position` is the moment by which its queue is ordered."""

    id: int
    symbol: str
    exchange: str
    asset_type: str
    fence: int
    synced_through: date | None
    times_empty: int
    last_bar: date | None
    settled_through: date | None
    venue: str
    published: date | None
    position: datetime | None

    @property
    def order(self) -> tuple[datetime, int]:
        """The place in the queue: never answered first, then the oldest answer."""
        return self.position or _NEVER, self.id

    def lease(self, trusted_until: float, due: Due) -> Lease:
        """Return the lease on the asset."""
        return Lease(
            asset_id=self.id,
            symbol=Symbol(self.symbol, self.exchange),
            fence=self.fence,
            synced_through=self.synced_through,
            times_empty=self.times_empty,
            is_first=self.last_bar is None,
            trusted_until=trusted_until,
            last_bar=self.last_bar,
            settled_through=self.settled_through,
            venue=self.venue,
            published=self.published,
            cause=due.cause,
            is_named=due.asset_ids is not None,
            withdraws=due.withdraws,
            asset_type=self.asset_type,
        )


@dataclass(slots=True)
class Leases:
    """The leases of the worker `owner`; its session's advisory lock proves that it lives."""

    _pool: Pool
    _presence: AsyncConn
    owner: int
    lease_sec: float
    # The assets whose leases this worker knows to hold, and until when it trusts a renewed one.
    _held: dict[int, float] = field(default_factory=dict)
    _taken_back_at: float | None = None

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
        claimed = await repeated(lambda: self._claim_once(due.query, parameters))
        claimed.sort(key=lambda row: row.order)
        self._held.update((row.id, 0.0) for row in claimed)
        if claimed:
            position.last_synced, position.asset_id = claimed[-1].position, claimed[-1].id
        return [row.lease(trusted_until, due) for row in claimed]

    async def _claim_once(self, name: str, parameters: dict[str, Any]) -> list[_Claimed]:
        try:
            async with self._pool.connection() as connection:
                return await rows_of(
                    connection, name, parameters, class_row(_Claimed), prepare=False
                )
        except StorageUnavailable:
            # It may have been done and its answer lost: what it took would wait for nothing.
            known = {"owner": self.owner, "asset_ids": list(self._held)}
            await self._pool.execute("release_unknown", known)
            raise

    async def count_due(self, due: Due, limit: int) -> int:
        """Return how many assets `claim` could hand out now, up to `limit`."""
        name = "count_damaged" if due.wants_repair else "count_due"
        return await self._pool.one(name, due.parameters(limit), scalar_row)

    async def claimable(self, due: Due) -> list[Queued]:
        """Return what `claim` could hand out now by the calendar, by market segment and cursor."""
        return await self._pool.rows(*claimable(due.parameters(0)))

    async def requeue_absent(self, moment: datetime | None = None) -> None:
        """Put assets that had no bars back into the queue when it is time to fetch them again.

        As of a moment, by default the database's. Moments that only a clock that ran ahead can
        have left are taken back before.
        """
        now = time.monotonic()
        if self._taken_back_at is None or now > self._taken_back_at + _TAKE_BACK_EVERY_SEC:
            self._taken_back_at = now
            await self._pool.execute("take_back_moments", {"put_off_days": RETRY_AFTER_DAYS})
        bounds = {"longest_days": LONGEST_ABSENCE_DAYS, "closure_days": LONGEST_CLOSURE_DAYS}
        await self._pool.execute("requeue_absent", {"moment": moment} | bounds)

    async def witnesses(self, but: Sequence[int], limit: int) -> list[Symbol]:
        """Return symbols, not of these assets, that the vendor has served lately, or else any."""
        parameters = {"asset_ids": list(but), "limit": limit}
        return await self._pool.rows("read_witnesses", parameters, args_row(Symbol))

    async def renew(self) -> None:
        """Hold on to the leases that this worker knows of; any other of its own may run out."""
        # Trust counts from before the question: a late answer must not stretch it.
        trusted_until = self._trust_from(time.monotonic())
        parameters = {
            "owner": self.owner,
            "lease_sec": self.lease_sec,
            "asset_ids": list(self._held),
        }
        for asset_id in await self._pool.rows("renew_leases", parameters, scalar_row):
            self._held[asset_id] = trusted_until

    def trusts(self, lease: Lease) -> bool:
        """Say whether this worker may still think that a lease is its own."""
        return time.monotonic() < max(lease.trusted_until, self._held.get(lease.asset_id, 0.0))

    def forget(self, leases: Iterable[Lease]) -> None:
        """Renew these leases no more: they were given back with a commit, or lost."""
        for lease in leases:
            self._held.pop(lease.asset_id, None)

    async def watch(self) -> None:
        """Run until the session that proves that this worker lives is gone, and say so.

        Others may have taken its leases over from then on. Raises `StorageUnavailable`.
        """
        with storage_errors():
            async for _ in self._presence.notifies():
                pass

    async def release(self, leases: Sequence[Lease], *, failed: bool) -> None:
        """Give leases back without an answer; the assets stay due."""
        parameters = {
            "asset_ids": [lease.asset_id for lease in leases],
            "fences": [lease.fence for lease in leases],
            "failed": [failed for _ in leases],
            "owner": self.owner,
        }
        await self._pool.execute("release_leases", parameters)
        self.forget(leases)

    async def release_all(self) -> None:
        """Give back whatever this worker still holds, known to it or not; the assets stay due."""
        await self._pool.execute("release_all", {"owner": self.owner})
        self._held.clear()

    async def free_lost(self) -> list[int]:
        """Free leases that ran out or whose worker has left; return the ids of their assets.

        An asset whose worker was lost three times in a row becomes a dead letter.
        """
        freed: list[int] = await self._pool.rows(
            "free_lost_leases", {"lease_sec": self.lease_sec}, scalar_row
        )
        if freed:
            await self._pool.execute("park_rescued", {"most": _MOST_RESCUES})
        return freed

    async def park(self, lease: Lease, dead_letter: DeadLetter) -> bool:
        """Park an asset with a dead letter; False, and nothing written, if its lease was lost."""
        parameters = asdict(dead_letter) | {
            "asset_id": lease.asset_id,
            "fence": lease.fence,
            "owner": self.owner,
        }
        parked = await self._pool.rows("park_asset", parameters, scalar_row)
        self.forget([lease])
        return bool(parked)

    def _trust_from(self, moment: float) -> float:
        return moment + self.lease_sec * (1 - _DISTRUST_SHARE)
