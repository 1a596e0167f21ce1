"""Delisted assets whose code was reused: the vendor lists them as `CODE_old`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from data_nexus.domain.listings.succession import (
    Arrival,
    Doubt,
    Identity,
    Rename,
    SplitOff,
    Succession,
    identity,
)

BY_OLD_CODE = "renamed: its code was reused"


@dataclass(frozen=True, slots=True)
class PastName:
    """The name of a listing until a moment."""

    until: datetime
    name: str
    isin: str


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An asset whose code may have been reused; `past` is oldest first."""

    asset_id: int
    code: str
    name: str
    isin: str
    is_listed: bool
    past: tuple[PastName, ...] = ()


def decide_delisted(lines: Iterable[tuple[Arrival, Sequence[Predecessor]]]) -> Succession:
    """Return which assets the list of delisted symbols calls `CODE_old` now, by identity.

    A predecessor that is still listed was mistaken for its successor: it takes the old code, and
    the listing since then becomes a separate asset (a split-off).
    """
    renames, split_offs, doubts = [], [], []
    for line, predecessors in lines:
        found = [(each, since) for each in predecessors for since in _was(each, line)]
        if len(found) > 1:
            doubts.append(Doubt(line.code, f"{len(found)} assets may be what is {line.code} now"))
            continue
        for predecessor, since in found:
            renames.append(Rename(predecessor.asset_id, predecessor.code, line.code, BY_OLD_CODE))
            if since is not None:
                split_offs.append(SplitOff(predecessor.asset_id, predecessor.code, since))
    return Succession(tuple(renames), split_offs=tuple(split_offs), doubts=tuple(doubts))


def _was(predecessor: Predecessor, line: Arrival) -> Iterator[datetime | None]:
    """Yield once if the predecessor is the line's asset: since when it no longer is, or None."""
    is_same = identity(line.name, line.isin, predecessor.name, predecessor.isin) is Identity.SAME
    if not predecessor.is_listed:
        if is_same:
            yield None
        return
    if not is_same:
        same = [
            past.until
            for past in predecessor.past
            if identity(line.name, line.isin, past.name, past.isin) is Identity.SAME
        ]
        yield from same[-1:]
