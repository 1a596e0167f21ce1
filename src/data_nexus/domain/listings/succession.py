"""Identity of listings, and the changes between two symbol lists: renames, reused codes. Pure.

An asset is a listing, not a code. A listing that gets another code stays the same asset; a company
that is listed under the code of another one is another asset. Where the evidence does not suffice,
nothing is decided and the doubt is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

# Words for a form of company or of security, which do not identify a company.
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
    """An asset and its code; `since` is the day from which it is known to have it."""

    asset_id: int
    code: str
    name: str
    isin: str
    is_listed: bool
    since: date


@dataclass(frozen=True, slots=True)
class Arrival:
    """A line of a list that needs a decision; `holder` is the asset that has its code, if any."""

    code: str
    name: str
    isin: str
    holder: CodeHolder | None = None


@dataclass(frozen=True, slots=True)
class Rename:
    """An asset keeps its id, its bars and its cursor under another code."""

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
    """Since a moment the code's listing has not been this asset but a new one."""

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
    """The decisions that two consecutive lists allow."""

    renames: tuple[Rename, ...] = ()
    retirements: tuple[Retirement, ...] = ()
    split_offs: tuple[SplitOff, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def codes(self) -> list[str]:
        """The codes of the list that belong to another asset afterwards."""
        return [*(r.new for r in self.renames), *(r.code for r in self.retirements)]


def identity(name: str, isin: str, other_name: str, other_isin: str) -> Identity:
    """Say whether two listings are the same: by their ISINs, or else by the words of their names.

    Names without a common word are of different companies, names of the same words of one; with
    some words in common nothing is certain. Without a name they count as the same.
    """
    if isin and other_isin:
        return Identity.SAME if isin == other_isin else Identity.OTHER
    words, others = _words(name), _words(other_name)
    if words == others or not words or not others:
        return Identity.SAME
    return Identity.UNSURE if words & others else Identity.OTHER


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", name.casefold().replace("'", ""))) - _FORMS
