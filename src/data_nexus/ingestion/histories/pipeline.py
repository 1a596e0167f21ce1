"""Turn one answer into a batch to commit: decoded → checked → batch. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from data_nexus.database.store.batch import Batch, Outcome, Receipt, RejectedRow
from data_nexus.domain.bars import NO_BARS, Days
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.limits.backoff import absence_days
from data_nexus.domain.planning.cursor import Reach
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.validation.check import Checked, check
from data_nexus.domain.validation.price_kinds import PriceKinds
from data_nexus.eodhd.decode_bars import ReceivedHistory, excerpts
from data_nexus.errors import NexusError, NotAnAnswer, NotListed, WrongSubject
from data_nexus.events import Absent, Committed
from data_nexus.ingestion.fetching.requester import Answer, FetchState

# After this many answers in a row without a new bar, an asset is fetched less often.
_PATIENCE = 4
_OUTSIDE = frozenset({"date lies in the window", "date is not in the future"})


@dataclass(frozen=True, slots=True)
class CheckedHistory:
    """A received history with the verdict of the bar rules on each row."""

    window: Window
    answer: Answer[ReceivedHistory]
    checked: Checked

    @property
    def rejected_dates(self) -> Days:
        """The dates of the rejected rows, as far as they have one."""
        return self.checked.rejected_dates(self.answer.decoded.bars)


def checked_history(
    lease: Lease, window: Window, answer: Answer[ReceivedHistory], kinds: PriceKinds
) -> CheckedHistory:
    """Return an answer's bars, checked by the rules for the kind of the asset's prices.

    Raises `WrongSubject` for an answer of which every row lies outside the window that was asked
    for: a mix-up, not data.
    """
    checked = check(answer.decoded.bars, window, kinds.of(lease.symbol, lease.asset_type))
    broken = {reject.rule for reject in checked.rejects}
    if broken and broken <= _OUTSIDE and not len(checked.kept):
        text = f"{lease.symbol}: every row lies outside the dates asked for"
        raise WrongSubject(text, 200, answer.body)
    return CheckedHistory(window, answer, checked)


def batch_of(
    lease: Lease, history: CheckedHistory, state: FetchState, redact: Callable[[str], str]
) -> Batch:
    """Return a history as a batch to commit, charged with the requests of its fetch.

    `redact` removes the token, should the vendor's text repeat it.
    """
    checked = history.checked
    outcome = Outcome.STORED if checked.received else Outcome.EMPTY
    return Batch(
        lease=lease,
        window=history.window,
        outcome=outcome,
        bars=checked.kept,
        rejects=_rejected_rows(history, redact),
        flags=checked.flags,
        repeats=checked.repeats,
        calls=state.calls,
        requests=len(state.sent),
        body_sha256=hashlib.sha256(history.answer.body).hexdigest(),
        absent_days=_absent_days(lease, outcome),
        has_notice=bool(history.answer.decoded.notice),
    )


def absent_batch(lease: Lease, window: Window, state: FetchState) -> Batch:
    """Return the batch that records *not found*: no rows, and when to ask again."""
    return Batch(
        lease=lease,
        window=window,
        outcome=Outcome.NOT_LISTED,
        bars=NO_BARS,
        rejects=(),
        flags={},
        repeats=0,
        calls=state.calls,
        requests=len(state.sent),
        body_sha256=None,
        absent_days=_absent_days(lease, Outcome.NOT_LISTED),
    )


def doubt_of(batch: Batch) -> NexusError | None:
    """Return why an answer is believed only while others get better ones; None: it is good.

    An empty answer for an asset that never had bars says nothing of the vendor. Rows that are all
    rejected may be a fault of the vendor's that strikes all assets.
    """
    symbol, outcome = batch.lease.symbol, batch.outcome
    is_lost = outcome is Outcome.EMPTY and batch.lease.last_bar is not None
    if outcome is Outcome.NOT_LISTED or is_lost:
        return NotListed(f"{symbol}: {outcome}")
    if batch.rejects and not len(batch.bars):
        rules = ", ".join(sorted({row.rule for row in batch.rejects}))
        return NotAnAnswer(f"{symbol}: all rows break a rule ({rules})")
    return None


def with_reach(batch: Batch, reach: Reach) -> Batch:
    """Return a batch that covers and settles the sessions within its reach."""
    settles_to = reach.settles_to if batch.outcome is Outcome.STORED else None
    return replace(batch, passes_to=reach.passes_to, settles_to=settles_to)


def resting(covering: Batch) -> Batch:
    """Let an asset rest that has had no new bar for a while: it is fetched less and less often."""
    times = covering.lease.times_empty + 1 - _PATIENCE
    if covering.outcome is not Outcome.STORED or not covering.is_quiet or times < 1:
        return covering
    return replace(covering, absent_days=absence_days(times))


def event_of(batch: Batch, receipt: Receipt) -> Committed | Absent:
    """Return what is reported of a batch that was committed."""
    name, is_reread = str(batch.lease.symbol), batch.is_whole_again
    if batch.outcome is not Outcome.STORED:
        return Absent(name, batch.outcome.value, batch.absent_days or 0.0, is_reread)
    return Committed(
        symbol=name,
        received=receipt.received,
        inserted=receipt.inserted,
        revised=receipt.revised,
        unchanged=receipt.unchanged,
        rejected=receipt.rejected,
        is_reread=is_reread,
        flagged=batch.flags,
        rejected_by_rule=Counter(row.rule for row in batch.rejects),
        withdrawn=receipt.withdrawn,
        doubted=receipt.doubted,
    )


def _rejected_rows(
    history: CheckedHistory, redact: Callable[[str], str]
) -> tuple[RejectedRow, ...]:
    rejects = history.checked.rejects
    if not rejects:
        return ()
    texts = excerpts(history.answer.body, [reject.row for reject in rejects], redact)
    dates = history.answer.decoded.bars.date
    return tuple(
        RejectedRow(int(dates[reject.row]), reject.rule, text)
        for reject, text in zip(rejects, texts, strict=True)
    )


def _absent_days(lease: Lease, outcome: Outcome) -> float | None:
    return None if outcome is Outcome.STORED else absence_days(lease.times_empty + 1)
