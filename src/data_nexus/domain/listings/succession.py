"""Owns who is who between two symbol lists: renames, reused codes, and what stays in doubt. Pure.

An asset is a listing, not a code. A listing that gets another code stays the same asset; a company
that comes under a code of another's is another asset. Where the evidence does not suffice, nothing
is decided and the doubt is told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from data_nexus.domain.listings.listing import SymbolChange

BY_ISIN = "renamed: same ISIN"
BY_VENDOR = "renamed: the vendor's change history"
BY_OLD_CODE = "renamed: its code was reused"
# The vendor's lists may lag behind a rename by so much.
_LAG = timedelta(30)
# Words that tell a form of company or of paper, not a company.
_FORM_WORDS = """
    a ab ag and cl class co common company corp corporation etf fund group holding holdings inc
    incorporated limited llc lp ltd note notes nv of ordinary plc preferred right rights sa se
    series share shares spa stock the to trust unit units warrant warrants acquisition capital
    american depositary each representing
"""
_FORMS = frozenset(_FORM_WORDS.split())


class Identity(Enum):
    """Whether two listings are of the same company and kind."""

    SAME = "same"
    OTHER = "other"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class CodeHolder:
    """An asset and the code it bears; `since`: the day from which it is known to bear it."""

    asset_id: int
    code: str
    name: str
    isin: str
    is_listed: bool
    since: date


@dataclass(frozen=True, slots=True)
class Arrival:
    """A line of a list that needs a look; `holder` is the asset that bears its code, if any."""

    code: str
    name: str
    isin: str
    holder: CodeHolder | None = None


@dataclass(frozen=True, slots=True)
class PastName:
    """How a listing was called until a moment."""

    until: datetime
    name: str
    isin: str


@dataclass(frozen=True, slots=True)
class Predecessor:
    """An asset that may be the one whose code was reused; `past` is oldest first."""

    asset_id: int
    code: str
    name: str
    isin: str
    is_listed: bool
    past: tuple[PastName, ...] = ()


@dataclass(frozen=True, slots=True)
class Rename:
    """An asset takes its id, its bars and its cursor along to another code."""

    asset_id: int
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True)
class Retirement:
    """An asset loses its code to another company's listing."""

    asset_id: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class SplitOff:
    """Since a moment the code's listing has not been this asset but a newcomer."""

    asset_id: int
    code: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Doubt:
    """What could not be decided about a code and so stays as it is."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Succession:
    """All that two lists in a row say about who is who."""

    renames: tuple[Rename, ...] = ()
    retirements: tuple[Retirement, ...] = ()
    split_offs: tuple[SplitOff, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def codes(self) -> list[str]:
        """The codes of the list whose asset is another one afterwards."""
        return [*(r.new for r in self.renames), *(r.code for r in self.retirements)]


def identity(name: str, isin: str, other_name: str, other_isin: str) -> Identity:
    """Say whether two listings are the same: by their ISINs, or else by the words of their names.

    Names that share no word tell of different companies, names of the same words of one; with
    something in common they tell nothing certain. Without a name there is no doubt to raise.
    """
    if isin and other_isin:
        return Identity.SAME if isin == other_isin else Identity.OTHER
    words, others = _words(name), _words(other_name)
    if words == others or not words or not others:
        return Identity.SAME
    return Identity.UNSURE if words & others else Identity.OTHER


def decide(
    gone: Sequence[CodeHolder], arrivals: Sequence[Arrival], changes: Iterable[SymbolChange]
) -> Succession:
    """Return who was renamed and who lost a code, between the assets and a list of the living.

    `gone` are the assets whose code the list lacks or gives to another ISIN, `arrivals` the lines
    that no listed asset explains, `changes` what the vendor's change history says.
    """
    by_isin, unclear = _renamed_by_isin(gone, arrivals)
    by_vendor, disputed = _renamed_by_vendor(gone, arrivals, changes, by_isin)
    renames = (*by_isin, *by_vendor)
    retirements, doubtful = _retired(arrivals, renames)
    doubts = (*unclear, *disputed, *doubtful)
    return Succession(renames, retirements, doubts=doubts)


def decide_dead(lines: Iterable[tuple[Arrival, Sequence[Predecessor]]]) -> Succession:
    """Return which assets the list of the dead calls `CODE_old` now, by identity with its lines.

    A forebear that is listed still was mistaken for its successor: it takes the old code, and the
    listing since then becomes an asset of its own (a parting).
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


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", name.casefold().replace("'", ""))) - _FORMS


def _renamed_by_isin(
    gone: Sequence[CodeHolder], arrivals: Sequence[Arrival]
) -> tuple[list[Rename], list[Doubt]]:
    """Match one that went with one that came by their ISIN, where it has no other on either side.

    Share classes have ISINs of their own; two listings of one class share theirs.
    """
    left, came = defaultdict(list), defaultdict(list)
    for holder in gone:
        if holder.isin and holder.is_listed:
            left[holder.isin].append(holder)
    for arrival in arrivals:
        if arrival.isin in left:
            came[arrival.isin].append(arrival)
    renames, doubts = [], []
    for isin, candidates in came.items():
        old, new = left[isin], candidates
        if len(old) == len(new) == 1 and _may_take(new[0]):
            renames.append(Rename(old[0].asset_id, old[0].code, new[0].code, BY_ISIN))
            continue
        went, came_codes = _listed(b.code for b in old), _listed(a.code for a in new)
        text = f"{went} went and {came_codes} came with the ISIN {isin}: not taken for a rename"
        doubts.append(Doubt(new[0].code, text))
    return renames, doubts


def _renamed_by_vendor(
    gone: Sequence[CodeHolder],
    arrivals: Sequence[Arrival],
    changes: Iterable[SymbolChange],
    by_isin: Sequence[Rename],
) -> tuple[list[Rename], list[Doubt]]:
    followed = {change.old: change for change in sorted(changes, key=lambda c: c.effective)}
    came = {arrival.code: arrival for arrival in arrivals}
    settled = {rename.asset_id for rename in by_isin}
    targets = defaultdict(list)
    for holder in gone:
        code = _followed_to(holder, followed, came)
        if code is not None and holder.asset_id not in settled:
            targets[code].append(holder)
    taken = {rename.new for rename in by_isin}
    renames, doubts = [], []
    for code, holders in targets.items():
        if len(holders) == 1 and code not in taken and _may_take(came[code]):
            renames.append(Rename(holders[0].asset_id, holders[0].code, code, BY_VENDOR))
        else:
            went = _listed(holder.code for holder in holders)
            doubts.append(Doubt(code, f"{went} may have been renamed to {code}: not certain"))
    return renames, doubts


def _followed_to(
    holder: CodeHolder, changes: Mapping[str, SymbolChange], came: Mapping[str, Arrival]
) -> str | None:
    """Return the arrived code to which the changes lead, over any number of steps."""
    code, earliest, seen = holder.code, holder.since - _LAG, set[str]()
    while code not in seen and (change := changes.get(code)) and change.effective >= earliest:
        seen.add(code)
        code, earliest = change.new, change.effective
        if code in came:
            return code
    return None


def _may_take(arrival: Arrival) -> bool:
    """Say whether a renamed listing may bear the arrived code: its asset, if any, is another's."""
    holder = arrival.holder
    return holder is None or (
        identity(arrival.name, arrival.isin, holder.name, holder.isin) is Identity.OTHER
    )


def _retired(
    arrivals: Sequence[Arrival], renames: Sequence[Rename]
) -> tuple[tuple[Retirement, ...], list[Doubt]]:
    moved = {rename.asset_id for rename in renames}
    taken = {rename.new: rename.old for rename in renames}
    retirements, doubts = [], []
    for arrival in arrivals:
        holder = arrival.holder
        if holder is None or holder.asset_id in moved:
            continue
        found = _succeeds(arrival, holder)
        if arrival.code in taken:
            reason = f"{taken[arrival.code]} was renamed to {arrival.code}"
            retirements.append(Retirement(holder.asset_id, arrival.code, reason))
        elif found is Identity.OTHER:
            reason = f"{arrival.name!r} is listed where {holder.name!r} was"
            retirements.append(Retirement(holder.asset_id, arrival.code, reason))
        elif found is Identity.UNSURE:
            text = f"{arrival.name!r} may be another company than {holder.name!r} before it"
            doubts.append(Doubt(arrival.code, text))
    return tuple(retirements), doubts


def _succeeds(arrival: Arrival, holder: CodeHolder) -> Identity:
    """Say whether the arrival is its code's asset; a code that never left the list mostly is.

    There an ISIN changes with a reverse split or a move, so that only a stranger's name beside it
    tells of a new company.
    """
    if not holder.is_listed:
        return identity(arrival.name, arrival.isin, holder.name, holder.isin)
    is_new_isin = arrival.isin and holder.isin and arrival.isin != holder.isin
    by_name = identity(arrival.name, "", holder.name, "")
    return Identity.OTHER if is_new_isin and by_name is Identity.OTHER else Identity.SAME


def _was(predecessor: Predecessor, line: Arrival) -> Iterator[datetime | None]:
    """Yield once if the forebear is what the line tells of: since when it no longer is, or None."""
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


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))
