"""Renames among the listed assets, and the codes that other companies took over. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from data_nexus.domain.listings.listing import SymbolChange
from data_nexus.domain.listings.succession import (
    Arrival,
    CodeHolder,
    Doubt,
    Identity,
    Rename,
    Retirement,
    Succession,
    identity,
)

BY_ISIN = "renamed: same ISIN"
BY_VENDOR = "renamed: the vendor's change history"
# The vendor's lists may lag behind a rename by this much.
_LAG = timedelta(30)


def decide_listed(
    gone: Sequence[CodeHolder], arrivals: Sequence[Arrival], changes: Iterable[SymbolChange]
) -> Succession:
    """Return which assets were renamed and which lost their code, by a list of the listed symbols.

    `gone` are the assets whose code the list lacks or gives to another ISIN, `arrivals` the lines
    that no listed asset explains, `changes` the vendor's change history.
    """
    by_isin, unclear = _renamed_by_isin(gone, arrivals)
    by_vendor, disputed = _renamed_by_vendor(gone, arrivals, changes, by_isin)
    renames = (*by_isin, *by_vendor)
    retirements, doubtful = _retired(arrivals, renames)
    doubts = (*unclear, *disputed, *doubtful)
    return Succession(renames, retirements, doubts=doubts)


def _renamed_by_isin(
    gone: Sequence[CodeHolder], arrivals: Sequence[Arrival]
) -> tuple[list[Rename], list[Doubt]]:
    """Match an asset that went with a line that came by their ISIN, if it is unique on both sides.

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
    """Say whether a renamed listing may take the code: its holder, if any, is another company."""
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

    There an ISIN changes with a reverse split or a move, so that only an unrelated name beside it
    means a new company.
    """
    if not holder.is_listed:
        return identity(arrival.name, arrival.isin, holder.name, holder.isin)
    is_new_isin = arrival.isin and holder.isin and arrival.isin != holder.isin
    by_name = identity(arrival.name, "", holder.name, "")
    return Identity.OTHER if is_new_isin and by_name is Identity.OTHER else Identity.SAME


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))
