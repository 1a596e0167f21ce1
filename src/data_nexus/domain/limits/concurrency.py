"""The adaptive concurrency limit: how many requests may be in flight. Pure.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): clean answers
increase it by one per round of answers, a sign of trouble halves it, at most once per round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_FIRST = 4.0


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """The number of requests in flight that is allowed now, between 1 and `most`."""

    most: int
    allowed: float = _FIRST
    calm_until: float = 0.0

    @property
    def requests(self) -> int:
        """The allowance in whole requests."""
        return max(1, min(self.most, int(self.allowed)))


def increased(concurrency_limit: ConcurrencyLimit) -> ConcurrencyLimit:
    """Note a clean answer."""
    return replace(
        concurrency_limit,
        allowed=min(
            float(concurrency_limit.most), concurrency_limit.allowed + 1 / concurrency_limit.allowed
        ),
    )


def decreased(
    concurrency_limit: ConcurrencyLimit, moment: float, round_sec: float
) -> ConcurrencyLimit:
    """Note a rate limit or a timeout; others of the same round count once."""
    if moment < concurrency_limit.calm_until:
        return concurrency_limit
    return replace(
        concurrency_limit,
        allowed=max(1.0, concurrency_limit.allowed / 2),
        calm_until=moment + round_sec,
    )
