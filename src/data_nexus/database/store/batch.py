"""Owns what is committed together: an answer as it goes in and what became of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from data_nexus.domain.adjustment.findings import Verdict
from data_nexus.domain.bars import EPOCH, NO_DATE, Bars
from data_nexus.domain.lease import Lease
from data_nexus.domain.window import Window


class Outcome(StrEnum):
    """How an answer ended: with bars, without any, or with *not found*."""

    STORED = "stored"
    EMPTY = "empty"
    NOT_LISTED = "not listed"


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row put aside: its date as days since 1970-01-01, the rule it broke, the vendor's text."""

    date: int
    rule: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter: what was asked, what came, and why it is unfit."""

    endpoint: str
    request: str
    status: int | None
    reason: str
    excerpt: str
    body_sha256: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One asset's answer, ready to be committed under its lease.

    `repeats` counts rows equal to a kept one; `absent_days` says how long to leave an asset
    alone that has no bars, or no new ones, counted from `moment` (None: the commit's).
    `passes_to` is the last session that the answer speaks of: what has no bar up to it is known
    absent. `verdict` says of a whole history how the stored actions explain it.
    """

    lease: Lease
    window: Window
    outcome: Outcome
    bars: Bars
    rejects: tuple[RejectedRow, ...]
    flags: dict[str, int]
    repeats: int
    calls: int
    requests: int
    body_sha256: str | None
    absent_days: float | None = None
    passes_to: date | None = None
    verdict: Verdict | None = None
    moment: datetime | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether it brought no new bar, although sessions have passed since the last one."""
        if self.outcome is not Outcome.STORED:
            return True
        last, before = self.bars.last_date(), self.lease.last_bar
        if before is None or self.passes_to is None:
            return False
        return before < self.passes_to and (last is None or last <= before)

    @property
    def received(self) -> int:
        """The number of rows that the vendor sent."""
        return len(self.bars) + self.repeats + len(self.rejects)

    @property
    def is_whole_again(self) -> bool:
        """Whether it is all of a history of which some was stored."""
        return self.window.is_whole and not self.lease.is_first

    def as_reread(self) -> Batch:
        """Return the same batch as one that meets bars already stored."""
        return replace(self, lease=replace(self.lease, is_first=False))

    @property
    def nbytes(self) -> int:
        """What the batch weighs in memory, roughly, in bytes."""
        return self.bars.nbytes + sum(len(row.excerpt) for row in self.rejects) + 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a commit did with one batch: received = inserted + revised + unchanged + rejected."""

    inserted: int
    revised: int
    unchanged: int
    rejected: int

    @property
    def received(self) -> int:
        """The number of rows that the vendor sent."""
        return self.inserted + self.revised + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class Written:
    """What a commit did with the bars of one asset.

    `arrived` are the ranges of dates between which the new ones lie, as a multirange of PostgreSQL.
    """

    asset_id: int
    inserted: int = 0
    revised: int = 0
    arrived: str | None = None


def receipt(batch: Batch, written: Written) -> Receipt:
    """Return the receipt of a batch by what was written of its bars."""
    rejected = len(batch.rejects)
    return Receipt(
        written.inserted,
        written.revised,
        batch.received - rejected - written.inserted - written.revised,
        rejected,
    )


def arrival(bars: Bars) -> str:
    """Return the dates of an asset's first bars as a multirange of PostgreSQL."""
    first, last = (EPOCH + timedelta(days=int(day)) for day in (bars.date.min(), bars.date.max()))
    return f"{{[{first},{last}]}}"


def settle_parameters(
    settled: Sequence[tuple[Batch, Written]], run_id: int | None
) -> dict[str, Any]:
    """Return the arrays that the statement `settle_batch` takes, one element a batch."""
    batches = [batch for batch, _ in settled]
    receipts = [receipt(batch, written) for batch, written in settled]
    return {
        "run_id": run_id,
        "asset_ids": [b.lease.asset_id for b in batches],
        "fences": [b.lease.fence for b in batches],
        "outcomes": [b.outcome.value for b in batches],
        "firsts": [b.window.first for b in batches],
        "lasts": [b.window.last for b in batches],
        "received": [r.received for r in receipts],
        "inserted": [r.inserted for r in receipts],
        "revised": [r.revised for r in receipts],
        "unchanged": [r.unchanged for r in receipts],
        "rejected": [r.rejected for r in receipts],
        "flagged": [json.dumps(b.flags) for b in batches],
        "calls": [b.calls for b in batches],
        "requests": [b.requests for b in batches],
        "sha256": [b.body_sha256 for b in batches],
        "last_dates": [b.bars.last_date() for b in batches],
        "absent_days": [b.absent_days for b in batches],
        "passes_to": [b.passes_to for b in batches],
        "are_quiet": [b.is_quiet for b in batches],
        "moments": [b.moment for b in batches],
        "arrived": [written.arrived for _, written in settled],
        "want_actions": [b.verdict and b.verdict.wants_actions for b in batches],
        "are_whole": [b.window.is_whole for b in batches],
        "causes": ["audit" if b.lease.is_audit else None for b in batches],
    }


def reject_parameters(rejects: Iterable[tuple[int, RejectedRow]]) -> dict[str, Any]:
    """Return the arrays that `insert_rejects.sql` takes, from rejected rows and their assets."""
    rows = list(rejects)
    return {
        "asset_ids": [asset_id for asset_id, _ in rows],
        "dates": [
            None if row.date == NO_DATE else EPOCH + timedelta(days=row.date) for _, row in rows
        ],
        "rules": [row.rule for _, row in rows],
        "excerpts": [row.excerpt for _, row in rows],
    }
