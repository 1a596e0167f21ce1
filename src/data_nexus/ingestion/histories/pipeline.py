"""Owns the way of one answer: fetch → decode → check → a batch to commit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from data_nexus.database.store.batch import Batch, Outcome, RejectedRow
from data_nexus.domain.lease import Lease
from data_nexus.domain.limits.backoff import absence_days
from data_nexus.domain.validation.check import Checked, check
from data_nexus.domain.window import Window
from data_nexus.eodhd.decode_bars import NO_BARS, ReceivedHistory, decode_bars, excerpts
from data_nexus.errors import WrongSubject

# So many answers in a row may bring no new bar before an asset is asked less often.
_PATIENCE = 4
_OUTSIDE = frozenset({"date lies in the window", "date is not in the future"})


@dataclass(frozen=True, slots=True)
class Paid:
    """What an answer cost: calls of the quota, requests on the wire."""

    calls: int
    requests: int


def batch_of(
    lease: Lease, window: Window, body: bytes, paid: Paid, redact: Callable[[str], str]
) -> tuple[Batch, str | None]:
    """Return an answer as a batch to commit, and the vendor's notice if it sent one.

    `redact` blots out the token, should the vendor's text repeat it.
    Raises a typed refusal for an answer that is not what was asked for.
    """
    history = decode_bars(body, lease.symbol)
    checked = check(history.bars, window)
    _check_window(lease, checked)
    outcome = Outcome.STORED if checked.received else Outcome.EMPTY
    batch = Batch(
        lease=lease,
        window=window,
        outcome=outcome,
        bars=checked.kept,
        rejects=_rejected_rows(body, history, checked, redact),
        flags=checked.flags,
        repeats=checked.repeats,
        calls=paid.calls,
        requests=paid.requests,
        body_sha256=hashlib.sha256(body).hexdigest(),
        absent_days=_absent_days(lease, outcome),
    )
    return batch, history.notice


def absent_batch(lease: Lease, window: Window, paid: Paid) -> Batch:
    """Return the batch that records *not found*: no rows, and when to ask again."""
    return Batch(
        lease=lease,
        window=window,
        outcome=Outcome.NOT_LISTED,
        bars=NO_BARS,
        rejects=(),
        flags={},
        repeats=0,
        calls=paid.calls,
        requests=paid.requests,
        body_sha256=None,
        absent_days=_absent_days(lease, Outcome.NOT_LISTED),
    )


def up_to_session(batch: Batch, session: date) -> Batch:
    """Return a batch that speaks of all sessions up to one, which is out for sure.

    An asset that has brought no new bar for a while is left alone ever longer.
    """
    told = replace(batch, passes_to=session)
    times = batch.lease.times_empty + 1 - _PATIENCE
    if told.outcome is not Outcome.STORED or not told.is_quiet or times < 1:
        return told
    return replace(told, absent_days=absence_days(times))


def _rejected_rows(
    body: bytes, history: ReceivedHistory, checked: Checked, redact: Callable[[str], str]
) -> tuple[RejectedRow, ...]:
    if not checked.rejects:
        return ()
    texts = excerpts(body, [reject.row for reject in checked.rejects], redact)
    return tuple(
        RejectedRow(int(history.bars.date[reject.row]), reject.rule, text)
        for reject, text in zip(checked.rejects, texts, strict=True)
    )


def _absent_days(lease: Lease, outcome: Outcome) -> float | None:
    return None if outcome is Outcome.STORED else absence_days(lease.times_empty + 1)


def _check_window(lease: Lease, checked: Checked) -> None:
    """Refuse an answer that lies outside of what was asked for altogether: a mix-up, not data."""
    broken = {reject.rule for reject in checked.rejects}
    if broken and broken <= _OUTSIDE and not len(checked.kept):
        raise WrongSubject(f"{lease.symbol}: every row lies outside the dates asked for")
