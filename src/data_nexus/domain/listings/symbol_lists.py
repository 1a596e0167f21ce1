"""Owns which symbol lists are read again, and what that may cost. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_nexus.domain.endpoints import Endpoint

# The exchanges whose renames the vendor tells (vendor documentation).
REPORTED_RENAMES = frozenset({"US"})
# Nights do not begin at the same minute: what is due in a moment is due now.
_SLACK_DAYS = 0.25
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KnownList:
    """A symbol list as it was last read whole: the living or the dead, and of which types.

    No `types` are all; `listed` is how many symbols it held.
    """

    exchange: str
    is_delisted: bool
    types: Sequence[str]
    listed: int
    moment: datetime

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is asked to read it again: itself, and the renames if symbols went and came."""
        if self.exchange in REPORTED_RENAMES and not self.is_delisted:
            return (Endpoint.SYMBOLS, Endpoint.SYMBOL_CHANGES)
        return (Endpoint.SYMBOLS,)


def lists_due(
    known: Iterable[KnownList], exchanges: Collection[str], every_days: float, now: datetime
) -> list[KnownList]:
    """Return the lists of these exchanges that were read so many days ago; the living first."""
    age = max(0.0, every_days - _SLACK_DAYS)
    found = [
        each for each in known if each.exchange in exchanges and (now - each.moment) / _DAY >= age
    ]
    return sorted(found, key=lambda each: (each.exchange, each.is_delisted))
