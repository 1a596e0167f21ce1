"""Define what is committed together: an answer as it goes in and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from data_nexus.domain.adjustment.findings import Verdict
from data_nexus.domain.bars import EPOCH, NO_DATE, NO_ROW, Bars, Days, days
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.planning.suspicion import Reason, SettledSuspicion, Suspicion
from data_nexus.domain.validation.withdrawal import SentDates, sent_dates


class Outcome(StrEnum):
    """How an answer ended: with bars, without any, or with *not found*."""

    STORED = "stored"
    EMPTY = "empty"
    NOT_LISTED = "not listed"


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected row: its date as days since 1970-01-01, the rule it broke, the vendor's text."""

    date: int
    rule: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter: what was requested, what was received, and why it is unfit."""

    endpoint: str
    request: str
    status: int | None
    reason: str
    excerpt: str
    body_sha256: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One asset's answer, ready to be committed under its lease.

    `repeats` counts rows equal to a kept one; `absent_days` says how long an asset
    rests that has no bars, or no new ones, counted from `moment` (None: the commit's).
    `passes_to` is the last session that the answer covers: what has no bar up to it is absent;
    `settles_to` the last one whose values are final. `verdict` says of a whole history how the
    stored actions explain it. `suspected` is why the asset is to be read again, `settled` what the
    answer does to what was suspected before; `is_end_confirmed`: like this one, answers of the days
    before ended before the last stored bar. `doubts` are what is to be suspected if the comparison
    with the stored bars shows it; of the `noted` reasons it did before, and of the `confirmed` ones
    for a week.
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
    settles_to: date | None = None
    verdict: Verdict | None = None
    moment: datetime | None = None
    suspected: tuple[Suspicion, ...] = ()
    settled: tuple[SettledSuspicion, ...] = ()
    has_notice: bool = False
    is_end_confirmed: bool = False
    doubts: tuple[Suspicion, ...] = ()
    noted: frozenset[Reason] = frozenset()
    confirmed: frozenset[Reason] = frozenset()

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

    @property
    def shows_withdrawals(self) -> bool:
        """Whether a stored bar that it lacks may have been withdrawn."""
        return self.is_whole_again and self.outcome is Outcome.STORED

    @property
    def is_behind(self) -> bool:
        """Whether it is a whole history that may be old: it ends before the last stored bar."""
        last = self.lease.last_bar
        if last is None or self.is_end_confirmed or not self.shows_withdrawals:
            return False
        return self.sent_dates().ends_before(days(last))

    def newest_rejected(self, today: date) -> date | None:
        """Return the last day of its rows up to one, if each was rejected and no bar is later."""
        last = self.bars.last_date() or date.min
        found = max((row.date for row in self.rejects if row.date <= days(today)), default=NO_DATE)
        return EPOCH + timedelta(days=int(found)) if found > days(last) else None

    def lacks_by_rejection(self, day: date) -> bool:
        """Whether it has no bar of a day since each row of it was rejected."""
        at = days(day)
        return any(row.date == at for row in self.rejects) and at not in self.bars.date

    def sent_dates(self) -> SentDates:
        """Return the dates of its rows, kept or rejected."""
        rejected = np.array([row.date for row in self.rejects], np.int32)
        return sent_dates(self.window, self.bars.date, rejected, has_notice=self.has_notice)

    def as_reread(self) -> Batch:
        """Return the same batch as one that meets bars already stored."""
        return replace(self, lease=replace(self.lease, is_first=False))

    @property
    def nbytes(self) -> int:
        """The size of the batch in memory, roughly, in bytes."""
        return self.bars.nbytes + sum(len(row.excerpt) for row in self.rejects) + 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a commit did with one batch: received = inserted + revised + unchanged + rejected.

    `withdrawn` counts stored bars that left the table, `doubted` those that stay although the
    answer lacks them.
    """

    inserted: int
    revised: int
    unchanged: int
    rejected: int
    withdrawn: int = 0
    doubted: int = 0

    @property
    def received(self) -> int:
        """The number of rows that the vendor sent."""
        return self.inserted + self.revised + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class WrittenBars:
    """What a commit did with the bars of one asset.

    `arrived` are the ranges of dates between which the new ones lie, as a multirange of PostgreSQL.
    `stored` were there before in the answer's window, and `last_bar` is the last of those that
    stayed. `withdrawn` left, and `doubted` stayed although the answer lacks them. Of a history that
    was read whole again, `new_dates` are those of the new bars. `is_disbelieved`: all stays as it
    was, since the answer looks like another asset's.
    """

    inserted: int = 0
    revised: int = 0
    arrived: str | None = None
    withdrawn: int = 0
    doubted: int = 0
    stored: int = 0
    last_bar: date | None = None
    new_dates: Days | None = field(default=None, compare=False)
    is_disbelieved: bool = False


@dataclass(frozen=True, slots=True)
class LoggedHistory:
    """What the sync log says of an asset before its whole history is read again.

    There should be so many `bars`, and what has no bar up to `passed_to` is known absent. They lie
    in ranges of days since 1970-01-01 in which bars have ever `arrived`, each without its end.
    """

    bars: int = 0
    passed_to: date | None = None
    arrived: tuple[tuple[int, int], ...] = ()

    def lost(self, batch: Batch, written: WrittenBars) -> int:
        """Return how many bars of the log were not stored.

        Less than none: bars that no entry of the log has inserted, if the vendor sends all of them.
        One that stays although the vendor does not send it either is not accounted for, and nor is
        one that is still missing, until that is confirmed.
        """
        missing = self.bars - written.stored
        if missing > 0:
            return missing - self.still_missing(batch, written)
        left = written.stored + written.inserted - written.withdrawn
        return missing if left == len(batch.bars) else 0

    def still_missing(self, batch: Batch, written: WrittenBars) -> int:
        """Return how many bars of the log neither were stored nor are sent; none once confirmed."""
        missing = self.bars - written.stored
        if missing <= 0 or Reason.LOST in batch.confirmed:
            return 0
        new = () if written.new_dates is None else written.new_dates
        back = sum(any(first <= day < end for first, end in self.arrived) for day in new)
        return max(0, missing - back)


def receipt(batch: Batch, written: WrittenBars) -> Receipt:
    """Return the receipt of a batch by what was written of its bars."""
    rejected = len(batch.rejects)
    return Receipt(
        written.inserted,
        written.revised,
        batch.received - rejected - written.inserted - written.revised,
        rejected,
        written.withdrawn,
        written.doubted,
    )


def first_bars(bars: Bars) -> WrittenBars:
    """Return what a commit did with bars of an asset that had none."""
    ends = int(bars.date.min()), int(bars.date.max())
    return WrittenBars(inserted=len(bars), arrived=multirange([ends]), new_dates=bars.date)


def multirange(ranges: Iterable[tuple[int, int]]) -> str:
    """Return ranges of days since 1970-01-01, both ends included, as a multirange of PostgreSQL."""
    dates = ((EPOCH + timedelta(days=day) for day in each) for each in ranges)
    return f"{{{','.join(f'[{first},{last}]' for first, last in dates)}}}"


def settle_parameters(
    settled: Sequence[tuple[Batch, WrittenBars]],
    before: Mapping[int, LoggedHistory],
    run_id: int | None,
) -> dict[str, Any]:
    """Return what the statement `settle_batch` takes, one element a batch.

    `before` is what the log says of the histories that were read whole again.
    """
    rows = [
        _settled(batch, written) | _counted(batch, written, before.get(batch.lease.asset_id))
        for batch, written in settled
    ]
    return {"settled": msgspec.json.encode(rows).decode(), "run_id": run_id}


# What the columns of `settled` say of an answer that is not believed.
_OF_NO_ANSWER: dict[str, Any] = {
    "is_whole": False,
    "last_date": None,
    "passes_to": None,
    "settles_to": None,
    "wants_actions": None,
}


def _settled(batch: Batch, written: WrittenBars) -> dict[str, Any]:
    """Return the columns of `settled` in `settle_batch`."""
    columns = asdict(receipt(batch, written)) | {
        "asset_id": batch.lease.asset_id,
        "fence": batch.lease.fence,
        "outcome": batch.outcome,
        "window_first": batch.window.first,
        "window_last": batch.window.last,
        "received": batch.received,
        "flagged": batch.flags,
        "calls": batch.calls,
        "requests": batch.requests,
        "body_sha256": batch.body_sha256,
        "last_date": batch.bars.last_date(),
        "absent_days": batch.absent_days,
        "arrived": written.arrived,
        "passes_to": batch.passes_to,
        "settles_to": batch.settles_to,
        "is_quiet": batch.is_quiet,
        "wants_actions": batch.verdict and batch.verdict.wants_actions,
        "is_whole": batch.window.is_whole,
        "cause": batch.lease.cause,
        "moment": batch.moment,
    }
    return columns | _OF_NO_ANSWER if written.is_disbelieved else columns


def _counted(batch: Batch, written: WrittenBars, before: LoggedHistory | None) -> dict[str, Any]:
    """Return what `settle_batch` needs to put the cursor where the bars and the log put it."""
    if before is None:
        return {"is_counted": False, "lost": 0, "is_damaged": False, "is_confirmed": False}
    return {
        "is_counted": True,
        "lost": before.lost(batch, written),
        "is_damaged": before.still_missing(batch, written) > 0,
        "is_confirmed": Reason.LOST in batch.confirmed,
        "stored_to": written.last_bar,
        "known_to": before.passed_to,
    }


def reject_parameters(rejects: Iterable[tuple[int, RejectedRow]]) -> dict[str, Any]:
    """Return the arrays that the statement `insert_rejects` takes, from assets' rejected rows."""
    rows = list(rejects)
    return {
        "asset_ids": [asset_id for asset_id, _ in rows],
        "dates": [
            None if row.date in (NO_DATE, NO_ROW) else EPOCH + timedelta(days=row.date)
            for _, row in rows
        ],
        "rules": [row.rule for _, row in rows],
        "excerpts": [row.excerpt for _, row in rows],
    }
