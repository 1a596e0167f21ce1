"""Notices: what a run could not bring, by asset and reason, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any

from data_nexus.domain.planning.suspicion import Reason


class NoticeReason(StrEnum):
    """Why an asset has a notice."""

    LATE = "late"
    PARKED = "parked"
    PROVISIONAL = "provisional"
    REJECTED = "rejected"
    SUSPECTED = "suspected"
    WITHDRAWN = "withdrawn"


# What a suspicion is called in a notice. That a row was rejected, the rejected row itself says.
NOTICE_OF_SUSPICION = {
    reason: {Reason.LATE: NoticeReason.LATE, Reason.OPEN: NoticeReason.PROVISIONAL}.get(
        reason, NoticeReason.SUSPECTED
    )
    for reason in Reason
    if reason is not Reason.REJECTED
}


@dataclass(frozen=True, slots=True)
class Notice:
    """Why an asset has a notice, in detail; `alike` assets have one for the same reason."""

    symbol: str
    reason: str
    detail: str
    alike: int


@dataclass(frozen=True, slots=True)
class Notices:
    """How many assets have a notice, by reason, and the first of them.

    `assets` begin with one for each reason, then have a second one for each, and so on.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    assets: tuple[Notice, ...] = ()

    @property
    def total(self) -> int:
        """How many notices there are."""
        return sum(self.counts.values())

    def first(self, most: int) -> list[Notice]:
        """Return at most so many notices, of each reason some, by reason and symbol."""
        return sorted(self.assets[:most], key=attrgetter("reason", "symbol"))

    def as_dict(self) -> dict[str, Any]:
        """Return them under the names of the commands' JSON."""
        named = self.first(len(self.assets))
        return {
            "counts": dict(self.counts),
            "assets": [
                {"symbol": each.symbol, "reason": each.reason, "detail": each.detail}
                for each in named
            ],
        }


NO_NOTICES = Notices()


def notices_of(found: Iterable[Notice]) -> Notices:
    """Return notices with the counts that each of them states."""
    assets = tuple(found)
    counts = {each.reason: each.alike for each in assets}
    return Notices({reason: counts[reason] for reason in sorted(counts)}, assets)
