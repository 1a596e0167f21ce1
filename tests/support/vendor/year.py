"""A year in the vendor's world: what happens before which session comes out. Pure and seeded.

An event is what the control port is told. Assets are picked so that what befalls one of them leaves
time to be seen before the next thing does; actions fall where they fall.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import cycle
from typing import Any

RATIOS = ("2/1", "3/1", "4/1", "1/10", "3/2", "1.05/1")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How many nights in a row nobody updates, how far apart, and how many sessions are late."""

    missed: tuple[int, ...]
    apart: int
    late: int

    @property
    def nights(self) -> int:
        """The fewest that hold it."""
        return sum(self.missed) + self.apart * (len(self.missed) + 1) + len(self.missed)


# That of a year, and for fewer nights.
_RHYTHMS = (Rhythm((1, 3, 30, 1, 3, 1), 8, 6), Rhythm((1, 3, 30), 5, 2))
# Between two things that befall one asset, other than actions.
_APART = 14
# A newcomer trades so many sessions after it is listed under a code that was another's.
_QUIET = 7
# Nothing begins on the last nights, so that all of it is seen in the year.
_LAST_WORDS = 16


class Kind(StrEnum):
    """What may happen to an asset."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    FACTOR = "a factor that no feed tells"
    EARLY_FACTOR = "a factor that is applied before its day"
    OLD_RESTATEMENT = "an old bar restated"
    RESTATEMENT = "a bar of the last days restated"
    LATE_BAR = "a bar that is late by a session"
    LATE_BARS = "many bars that are late by a session"
    DELISTING = "delisted"
    RENAME = "renamed"
    REUSE = "its code used again"
    LISTING = "newly listed"


# How often in a year of so many sessions.
_YEAR = 250
COUNTS = {
    Kind.REUSE: 6,
    Kind.DELISTING: 8,
    Kind.RENAME: 10,
    Kind.LISTING: 10,
    Kind.FACTOR: 10,
    Kind.EARLY_FACTOR: 4,
    Kind.OLD_RESTATEMENT: 24,
    Kind.RESTATEMENT: 20,
    Kind.LATE_BAR: 16,
    Kind.LATE_BARS: 3,
    Kind.SPLIT: 24,
    Kind.DIVIDEND: 30,
}
_OF_LISTINGS = (Kind.REUSE, Kind.DELISTING, Kind.RENAME, Kind.LISTING)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to the listing with a `code`; `wish` is for the port's `path`."""

    kind: Kind
    code: str
    path: str
    wish: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Day:
    """A session, and the events before it is out.

    A session that `is_late` comes out with the one after it. On a night that `is_missed` nobody
    updates.
    """

    session: date
    events: tuple[Event, ...]
    is_late: bool
    is_missed: bool


def year(sessions: Sequence[date], codes: Iterable[str], seed: int) -> list[Day]:
    """Return what happens over the sessions to the listings with these codes."""
    rng = random.Random(seed)  # noqa: S311 - no secret is made of it
    rhythm = next(each for each in _RHYTHMS if each.nights <= len(sessions))
    missed = _missed(rng, len(sessions), rhythm)
    timely = [n for n in range(5, len(sessions) - 5) if n not in missed]
    late = set(rng.sample(timely, rhythm.late))
    script = _Script(rng, sessions, _Cast(rng, list(codes)))
    undisturbed = [n for n in range(len(sessions)) if not {n, n - 1} & (missed | late)]
    for kind, night in _when(rng, len(sessions), undisturbed):
        script.add(kind, night)
    return [
        Day(session, tuple(script.events.get(n, ())), n in late, n in missed)
        for n, session in enumerate(sessions)
    ]


def _missed(rng: random.Random, nights: int, rhythm: Rhythm) -> set[int]:
    """Blocks of nights in a row, some nights apart."""
    spare = nights - rhythm.nights + len(rhythm.missed)
    cuts = sorted(rng.sample(range(spare), len(rhythm.missed)))
    missed, before = set[int](), 0
    for cut, length in zip(cuts, rhythm.missed, strict=True):
        first = rhythm.apart + cut + before
        missed |= set(range(first, first + length))
        before += length + rhythm.apart
    return missed


def _when(rng: random.Random, nights: int, undisturbed: Sequence[int]) -> list[tuple[Kind, int]]:
    """Each event with its night, in the order of the nights."""
    whenever = range(5, nights - _LAST_WORDS)
    found = []
    for kind, in_a_year in COUNTS.items():
        eligible = [n for n in undisturbed if n in whenever] if kind in _OF_LISTINGS else whenever
        found += [
            (kind, rng.choice(eligible)) for _ in range(math.ceil(in_a_year * nights / _YEAR))
        ]
    return sorted(found, key=lambda each: each[1])


@dataclass(slots=True)
class _Cast:
    """The living listings, and the night on which something last befell each."""

    rng: random.Random
    living: list[str]
    touched: dict[str, int] = field(default_factory=dict)

    def pick(self, night: int, *, touch: bool = True) -> str:
        ready = [code for code in self.living if self.touched.get(code, -99) <= night - _APART]
        code = self.rng.choice(ready)
        if touch:
            self.touched[code] = night
        return code

    def join(self, code: str, night: int) -> None:
        self.living.append(code)
        self.touched[code] = night

    def leave(self, code: str) -> None:
        self.living.remove(code)


@dataclass(slots=True)
class _Script:
    rng: random.Random
    sessions: Sequence[date]
    cast: _Cast
    events: dict[int, list[Event]] = field(default_factory=dict)
    _ratios: Iterator[str] = field(default_factory=lambda: cycle(RATIOS))
    _number: int = 0

    def add(self, kind: Kind, night: int) -> None:
        """Let an event of a kind happen before a night's session is out."""
        if kind is Kind.LATE_BARS:
            for code in self.rng.sample(self.cast.living, 2 * len(self.cast.living) // 5):
                self._tell(night, Kind.LATE_BAR, code, "/hold", self._until_next(night))
        elif kind is Kind.LISTING:
            self._list(night)
        else:
            code = self.cast.pick(night, touch=kind not in (Kind.SPLIT, Kind.DIVIDEND))
            path, wish = self._wish(kind, code, night)
            self._tell(night, kind, code, path, wish)

    def _wish(self, kind: Kind, code: str, night: int) -> tuple[str, dict[str, Any]]:
        rng, today = self.rng, self._day(night)
        match kind:
            case Kind.SPLIT:
                return "/actions", {"date": today, "split": next(self._ratios)}
            case Kind.DIVIDEND:
                return "/actions", {"date": today, "dividend": round(rng.uniform(0.02, 0.3), 4)}
            case Kind.FACTOR | Kind.EARLY_FACTOR:
                ahead = night + (6 if kind is Kind.EARLY_FACTOR else 0)
                factor = round(rng.choice((rng.uniform(0.7, 0.99), rng.uniform(1.01, 1.2))), 4)
                return "/factor", {"date": self._day(ahead), "factor": factor}
            case Kind.OLD_RESTATEMENT | Kind.RESTATEMENT:
                back = rng.randint(1, 5) if kind is Kind.RESTATEMENT else rng.randint(15, 90)
                ratio = round(rng.choice((rng.uniform(0.9, 0.99), rng.uniform(1.01, 1.1))), 4)
                return "/restate", {"date": self._day(max(night - back, 0)), "ratio": ratio}
            case Kind.LATE_BAR:
                return "/hold", self._until_next(night)
            case _:
                return "/list", self._listing_wish(kind, code, night)

    def _listing_wish(self, kind: Kind, code: str, night: int) -> dict[str, Any]:
        self.cast.leave(code)
        self._number += 1
        if kind is Kind.DELISTING:
            return {"action": "delist"}
        if kind is Kind.RENAME:
            renamed = f"RN{self._number:03}"
            self.cast.join(renamed, night)
            return {"action": "rename", "to": renamed}
        self.cast.join(code, night + _QUIET)
        first = self._day(night + _QUIET)
        return {"action": "reuse", "date": first, **self._newcomer()}

    def _list(self, night: int) -> None:
        self._number += 1
        code = f"NW{self._number:03}"
        self.cast.join(code, night)
        wish = {"action": "list", "date": self._day(night), **self._newcomer()}
        self._tell(night, Kind.LISTING, code, "/list", wish)

    def _newcomer(self) -> dict[str, str]:
        """A name and an ISIN that nobody else has."""
        return {
            "name": f"Quillfeather{self._number} Orchards{self._number}",
            "isin": f"US77777777{self._number:02}",
        }

    def _until_next(self, night: int) -> dict[str, Any]:
        return {"date": self._day(night), "until": self._day(night + 1)}

    def _day(self, night: int) -> str:
        return self.sessions[night].isoformat()

    def _tell(self, night: int, kind: Kind, code: str, path: str, wish: dict[str, Any]) -> None:
        event = Event(kind, code, path, {"symbol": f"{code}.US", **wish})
        self.events.setdefault(night, []).append(event)
