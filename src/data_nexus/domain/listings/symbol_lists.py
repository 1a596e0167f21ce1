"""Which symbol lists are read again, and what that may cost. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_nexus.domain.endpoints import Endpoint

# The exchanges whose renames the vendor reports (vendor documentation).
REPORTED_RENAMES = frozenset({"US"})
# Daily updates do not begin at the same minute: what is due shortly is due now.
_SLACK_DAYS = 0.25
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KnownList:
    """A symbol list as it was last read whole: listed or delisted symbols, and of which types.

    Empty `types` means all; `listed` is the number of symbols.
    """

    exchange: str
    is_delisted: bool
    types: Sequence[str]
    listed: int
    moment: datetime

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The requests to read it again: the list, and the renames if symbols changed."""
        if self.exchange in REPORTED_RENAMES and not self.is_delisted:
            return (Endpoint.SYMBOLS, Endpoint.SYMBOL_CHANGES)
        return (Endpoint.SYMBOLS,)


def lists_due(
    known: Iterable[KnownList], exchanges: Collection[str], every_days: float, now: datetime
) -> list[KnownList]:
    """Return the lists of these exchanges last read at least `every_days` ago; the listed first."""
    age = max(0.0, every_days - _SLACK_DAYS)
    found = [
        each for each in known if each.exchange in exchanges and (now - each.moment) / _DAY >= age
    ]
    return sorted(found, key=lambda each: (each.exchange, each.is_delisted))
