"""The adaptive concurrency limit: how many requests may be in flight. Pure.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): clean answers
increase it by one per round of answers, a sign of trouble halves it, at most once per round. One
request among many that gets no answer is its own trouble, no sign of a vendor that is overloaded.
After an outage the limit from before it holds at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_FIRST = 4.0
# A timeout after so many clean answers is one of few: fewer than one request in ten gets none.
_CLEAN_BETWEEN = 10


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """The number of requests in flight that is allowed now, between 1 and `most`.

    `earlier` is what was allowed before it was decreased, until that is regained; `clean` counts
    the clean answers since the last trouble.
    """

    most: int
    allowed: float = _FIRST
    calm_until: float = 0.0
    earlier: float = 0.0
    clean: int = 0

    @property
    def requests(self) -> int:
        """The allowance in whole requests."""
        return max(1, min(self.most, int(self.allowed)))


def increased(limit: ConcurrencyLimit) -> ConcurrencyLimit:
    """Note a clean answer."""
    allowed = min(float(limit.most), limit.allowed + 1 / limit.allowed)
    earlier = 0.0 if allowed >= limit.earlier else limit.earlier
    return replace(limit, allowed=allowed, earlier=earlier, clean=limit.clean + 1)


def decreased(limit: ConcurrencyLimit, moment: float, round_sec: float) -> ConcurrencyLimit:
    """Note a rate limit, or timeouts that are not few; others of the same round count once."""
    if moment < limit.calm_until:
        return replace(limit, clean=0)
    return replace(
        limit,
        allowed=max(1.0, limit.allowed / 2),
        calm_until=moment + round_sec,
        earlier=max(limit.earlier, limit.allowed),
        clean=0,
    )


def timed_out(limit: ConcurrencyLimit, moment: float, round_sec: float) -> ConcurrencyLimit:
    """Note a request without an answer: it decreases the limit unless such are few."""
    if limit.clean >= _CLEAN_BETWEEN:
        return replace(limit, clean=0)
    return decreased(limit, moment, round_sec)


def restored(limit: ConcurrencyLimit) -> ConcurrencyLimit:
    """Note the end of an outage: what was allowed before it is allowed again."""
    return replace(limit, allowed=max(limit.allowed, limit.earlier), earlier=0.0)
