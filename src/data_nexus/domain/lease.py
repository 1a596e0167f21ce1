"""The lease on an asset: who may ask for it, and what is known of it so far. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from data_nexus.domain.symbol import Symbol


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed asset: who it is, its fence, and what is known of it so far.

    `is_first` says that the asset has no bars: a plain COPY will do. `last_bar` is the date of
    its last one. `published` is the last session that the vendor must have out, if the calendar
    was asked. The worker itself distrusts the lease after `trusted_until`, a moment of its
    monotonic clock, unless it was renewed. `is_audit`: nothing is due, the whole of the history is
    read again.
    """

    asset_id: int
    symbol: Symbol
    fence: int
    synced_through: date | None
    times_empty: int
    is_first: bool
    trusted_until: float = float("inf")
    last_bar: date | None = None
    published: date | None = None
    is_audit: bool = False
