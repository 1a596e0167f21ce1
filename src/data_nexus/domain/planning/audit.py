"""The rolling audit: how many histories are read again, and what that guarantees. Pure.

A vendor may restate an old bar without a trace in any feed or overlap. So whole histories are read
again, the one read longest ago first, for a share of each day's calls. And it may list a split or
dividend that it never works into the history: so the actions of a few assets are read whose bars
give no reason for it, drawn by chance once a week.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.limits.quota import Quota, audit_calls, left_for_audit

# Over how many days the results of audits are reported.
RECORD_DAYS = 90
# Of each exchange so many assets' actions are sampled at a time, for two calls each.
SAMPLE_SIZE = 20
# A little less than a week, so that an update that begins earlier than the last one counts.
SAMPLE_EVERY = timedelta(days=7, hours=-6)
# Types of assets, in lower case, that have no splits and no dividends.
WITHOUT_ACTIONS = ("bond", "commodity", "currency", "index")
_CALLS_A_SAMPLE = CALLS[Endpoint.SPLITS] + CALLS[Endpoint.DIVIDENDS]
# A year in New York has about this many sessions, and a day without one has no audit.
_DAYS, _SESSIONS = 365, 252


@dataclass(frozen=True, slots=True)
class Record:
    """The audit of one exchange so far.

    `assets` are those that take part: every loaded one, listed or delisted, that is not paused
    or parked and still has its code. `oldest` is when the history read longest ago was last
    read whole, None if not known. `today` were audited on this UTC day, `audited` in the last
    `RECORD_DAYS`; of these, `restated` had changed bars and `rebased` were re-based. Of `sampled`
    assets the actions were read by chance in that time: `sampled_not_stored` had one that was not
    stored, `sampled_unexplained` have adjusted closes that their actions do not explain.
    """

    exchange: str
    assets: int
    oldest: datetime | None
    today: int
    audited: int
    restated: int
    rebased: int
    sampled: int = 0
    sampled_not_stored: int = 0
    sampled_unexplained: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the audit guarantees: a silent restatement is found after `days` at the latest.

    That is after the `rest_days` in which a history is not read again, and then `updates`, each
    with a session to load; `days` converts them as a year in New York has sessions. `calls` is the
    audit's share of a day, None while the day's limit is not known. Without calls, `updates` and
    `days` are None: nothing is guaranteed. `oldest` is the actual state, whatever was guaranteed.
    """

    calls: int | None
    rest_days: int
    assets: int
    updates: int | None
    days: int | None
    oldest: datetime | None
    exchanges: tuple[Record, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of the commands' JSON."""
        found = asdict(self)
        for part in (found, *found["exchanges"]):
            part["oldest"] = part["oldest"] and part["oldest"].isoformat()
        return found


def outlook(
    records: Sequence[Record], day_limit: int | None, share: float, rest_days: int
) -> Outlook:
    """Return what the audit guarantees with a share of a day's limit."""
    assets = sum(record.assets for record in records)
    calls = None if day_limit is None else audit_calls(day_limit, share)
    updates = updates_for(assets, calls or 0)
    known = [record.oldest for record in records if record.oldest]
    return Outlook(
        calls=calls,
        rest_days=rest_days,
        assets=assets,
        updates=updates,
        days=None if updates is None else rest_days + math.ceil(updates * _DAYS / _SESSIONS),
        oldest=min(known) if known and len(known) == len(records) else None,
        exchanges=tuple(records),
    )


def updates_for(assets: int, calls: int) -> int | None:
    """Return after how many updates every history has been read; None is never.

    Whenever they were read before: those that have waited longest come first, and none comes twice
    before all had their turn.
    """
    turns = calls // CALLS[Endpoint.EOD]
    if not assets:
        return 0
    return math.ceil(assets / turns) if turns else None


def histories_to_audit(
    quota: Quota,
    records: Sequence[Record],
    exchange: str | None,
    *,
    share: float,
    keep_share: float,
) -> int:
    """Return how many histories the audit may read now, of one exchange or of all.

    An update of one exchange alone takes that exchange's part of the day; otherwise the exchange
    updated first would take all of it every day.
    """
    turns = left_for_audit(quota, share, keep_share) // CALLS[Endpoint.EOD]
    if exchange is None:
        return turns
    of_day = audit_calls(quota.day_limit, share) // CALLS[Endpoint.EOD]
    today = sum(record.today for record in records if record.exchange == exchange)
    return max(0, min(turns, _part(of_day, records, exchange, quota.day) - today))


def assets_to_sample(quota: Quota, *, share: float, keep_share: float) -> int:
    """Return of how many assets the actions may be sampled now.

    They are paid by what the day has left over, and cost no more than the audit may still take of
    it; the audit's own share stays as it is.
    """
    return left_for_audit(quota, share, keep_share) // _CALLS_A_SAMPLE


def sample_within(drawn: Mapping[str, int], most: int) -> dict[str, int]:
    """Return how many of the drawn assets of each exchange are read, `most` of all together."""
    chosen, left = dict[str, int](), most
    for exchange, assets in drawn.items():
        if left and assets:
            chosen[exchange] = min(assets, left)
            left -= chosen[exchange]
    return chosen


def _part(turns: int, records: Sequence[Record], exchange: str, day: date) -> int:
    """Divide a day's turns by size; fractions of a turn add up from day to day."""
    assets = {record.exchange: record.assets for record in records}
    each_day, of = turns * assets.get(exchange, 0), sum(assets.values()) or 1
    days = day.toordinal()
    return each_day * (days + 1) // of - each_day * days // of
