"""Owns the adaptive concurrency: how many requests may be in flight. Pure.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): clean answers
widen it by one per round of answers, a sign of trouble halves it, at most once per round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_FIRST = 4.0


@dataclass(frozen=True, slots=True)
class Breadth:
    """The number of requests in flight that is allowed now, between 1 and `most`."""

    most: int
    allowed: float = _FIRST
    calm_until: float = 0.0

    @property
    def requests(self) -> int:
        """The allowance in whole requests."""
        return max(1, min(self.most, int(self.allowed)))


def widened(breadth: Breadth) -> Breadth:
    """Note a clean answer."""
    return replace(breadth, allowed=min(float(breadth.most), breadth.allowed + 1 / breadth.allowed))


def narrowed(breadth: Breadth, moment: float, round_sec: float) -> Breadth:
    """Note a rate limit or a timeout; others of the same round count once."""
    if moment < breadth.calm_until:
        return breadth
    return replace(breadth, allowed=max(1.0, breadth.allowed / 2), calm_until=moment + round_sec)
