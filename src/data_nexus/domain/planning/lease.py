"""`Lease`, the right of one worker to load an asset, with what is stored of it so far. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from data_nexus.domain.symbol import Symbol

# The cause of a reading that a person has asked for.
REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed asset: its identity, its fence, and what is stored of it so far.

    `is_first` says that the asset has no bars, so that a plain COPY will do. `last_bar` is the date
    of its last one, and up to `settled_through` the bars are final. `venue` and `asset_type`, the
    vendor's words, decide when its sessions are published and what prices it may have. `published`
    is the last session that the vendor must have published, if the calendar was consulted. The
    worker stops trusting the lease after `trusted_until`, a moment of its monotonic clock, unless
    it was renewed. `cause` says why the whole history is read again although nothing is due:
    *audit*, *repair* or *suspicion*; None if it is due. `is_named`: a person has named the asset;
    `withdraws`: and wants all bars gone that the vendor does not send.
    """

    asset_id: int
    symbol: Symbol
    fence: int
    synced_through: date | None
    times_empty: int
    is_first: bool
    trusted_until: float = float("inf")
    last_bar: date | None = None
    settled_through: date | None = None
    venue: str = ""
    asset_type: str = ""
    published: date | None = None
    cause: str | None = None
    is_named: bool = False
    withdraws: bool = False
