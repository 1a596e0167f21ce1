"""Owns what a claim asks for, and the leases that it brings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from data_nexus.domain.lease import Lease
from data_nexus.domain.planning.due import MarketSegment
from data_nexus.domain.symbol import Symbol

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Due:
    """Which assets a run may claim: last answered before a moment, of one exchange, of some ids.

    With `published`, the last session that is out by place, the calendar decides: claimed is whose
    cursor is behind it. Who has answered since the moment and is behind all the same is not asked
    again. With `wants_actions` it is whose splits and dividends are to be asked for. For an audit
    it is the last answer with the whole history that was before the moment, and dead and resting
    assets take part.
    """

    synced_before: datetime
    exchange: str | None = None
    asset_ids: list[int] | None = None
    published: Mapping[MarketSegment, date] | None = None
    wants_actions: bool = False
    is_audit: bool = False

    @property
    def query(self) -> str:
        """The query that claims them."""
        if self.wants_actions:
            return "claim_wanted"
        if self.is_audit:
            return "claim_audit"
        return "claim_due" if self.published is None else "claim_behind"

    def parameters(self, limit: int) -> dict[str, Any]:
        """Return what the queries for due assets take."""
        return {
            "synced_before": self.synced_before,
            "exchange": self.exchange,
            "asset_ids": self.asset_ids,
            "limit": limit,
        } | segment_parameters(self.published or {})


@dataclass(slots=True)
class QueuePosition:
    """How far a run has come in the queue; what lies before it is not claimed again."""

    last_synced: datetime | None = None
    asset_id: int = 0


def segment_parameters(published: Mapping[MarketSegment, date]) -> dict[str, Any]:
    """Return places and the last session that is out at each as arrays."""
    return {
        "exchanges": [segment.exchange for segment in published],
        "venues": [segment.venue for segment in published],
        "asset_types": [segment.asset_type for segment in published],
        "published": list(published.values()),
    }


def lease_of(row: tuple[Any, ...], trusted_until: float, *, is_audit: bool) -> Lease:
    """Return the lease that a claimed row tells of."""
    return Lease(
        asset_id=row[0],
        symbol=Symbol(row[1], row[2]),
        fence=row[3],
        synced_through=row[4],
        times_empty=row[5],
        is_first=row[7] is None,
        trusted_until=trusted_until,
        last_bar=row[7],
        published=row[8],
        is_audit=is_audit,
    )


def queue_order(row: tuple[Any, ...]) -> tuple[bool, datetime, int]:
    """Sort claimed rows as the queue does: never answered first, then the oldest answer."""
    return row[6] is not None, row[6] or _NEVER, row[0]
