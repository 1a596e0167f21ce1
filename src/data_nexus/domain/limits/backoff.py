"""How long to wait: between attempts, after a rate limit, for an absent asset. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_SEC = 900.0
SHORTEST_WAIT_SEC = 1.0
UNSTATED_WAIT_SEC = 5.0
_LONGEST_BACKOFF_SEC = 30.0
LONGEST_ABSENCE_DAYS = 64.0
_LONGEST_POLL_SEC = 300.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How many attempts an asset gets in one run, and how long the waits between may be."""

    attempts: int
    base_sec: float

    def wait_sec(self, attempt: int, chance: float) -> float:
        """Return the wait after the failed `attempt` (from 1): full jitter, `chance` in [0, 1)."""
        return chance * min(_LONGEST_BACKOFF_SEC, self.base_sec * 2.0 ** (attempt - 1))


def retry_after_sec(header: str | None, moment: datetime) -> float:
    """Return how long a 429 asks to wait, from its Retry-After header, within sane bounds.

    The header may hold seconds or a date (RFC 9110, section 10.2.3), be absent or absurd.
    """
    if header is None:
        return UNSTATED_WAIT_SEC
    text = header.strip()
    try:
        wait = float(text) if _is_number(text) else (_as_moment(text) - moment).total_seconds()
    except (ValueError, OverflowError):
        return UNSTATED_WAIT_SEC
    if wait < 0:
        return UNSTATED_WAIT_SEC
    return min(max(wait, SHORTEST_WAIT_SEC), LONGEST_WAIT_SEC)


def poll_sec(base_sec: float, fruitless: int) -> float:
    """Return how long a worker waits before its next walk along the queue.

    Longer after each of the `fruitless` walks in a row in which all assets failed: their first
    attempts are bounded by nothing else.
    """
    return max(base_sec, min(base_sec * 2.0**fruitless, _LONGEST_POLL_SEC))


def absence_days(times_empty: int) -> float:
    """Return for how many days an asset without bars is not requested: 1, doubling, at most 64."""
    return min(2.0 ** max(times_empty - 1, 0), LONGEST_ABSENCE_DAYS)


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit() and text.isascii()


def _as_moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
