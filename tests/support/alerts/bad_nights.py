"""Nights on which something goes wrong: what, for how long, and what is to be heard. Pure, seeded.

A night goes by steps of the clock, from the publication of a session to the noon of the next day.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, IntEnum, StrEnum
from itertools import product


class Step(IntEnum):
    """The moments of a night, in their order."""

    EVENING = 0  # the session is out
    SHORTLY = 1  # what failed has been tried again, and nobody has lost patience
    HOUR = 2  # what was late has been asked for again
    NIGHT = 3  # all patience has ended
    FUNDS = 4  # the funds' session is out
    MORNING = 5  # all is to be fresh
    NOON = 6  # what failed in the morning has been tried again; New York opens later


_TIMES = ("21:16", "21:20", "22:20", "04:20", "11:01", "12:05", "13:12")


def moment(session: date, step: Step) -> datetime:
    """When a session's night has come so far, in UTC."""
    day = session + timedelta(days=step > Step.HOUR)
    return datetime.combine(day, time.fromisoformat(_TIMES[step]), UTC)


class Trouble(StrEnum):
    """What goes wrong."""

    OUTAGE = "the vendor is out of reach"
    REFUSED = "the vendor refuses the key"
    LATE = "the vendor publishes late"
    LETTER = "an asset is refused"
    DISK = "the disk is full"
    NONE = "nothing"


class Blow(StrEnum):
    """What befalls the daemons in the evening, whatever else goes wrong."""

    SECOND = "the second daemon is killed"
    FIRST = "the first daemon is killed"
    BOTH = "both daemons are killed"
    ALONE = "the second daemon stops for the night"
    SERVER = "the database is stopped at once"
    NONE = "nothing"


class Open(Enum):
    """An alert that is noticed, while there is patience, or raised."""

    NOTICED = False
    RAISED = True


Alerts = frozenset[tuple[str, Open]]
# By trouble: the condition, the step from which on it is noticed, and that at which it is raised.
_ALERTS: dict[Trouble, tuple[tuple[str, Step, Step], ...]] = {
    Trouble.OUTAGE: (
        ("down", Step.EVENING, Step.HOUR),
        ("not-fresh", Step.MORNING, Step.MORNING),
    ),
    Trouble.REFUSED: (
        ("credentials", Step.EVENING, Step.EVENING),
        ("not-fresh", Step.MORNING, Step.MORNING),
    ),
    Trouble.LATE: (
        ("late", Step.EVENING, Step.NIGHT),
        # The job of the funds has a patience of its own, which does not end in a night.
        ("late", Step.FUNDS, Step.NOON),
        ("not-fresh", Step.MORNING, Step.MORNING),
    ),
    Trouble.LETTER: (("dead-letters", Step.EVENING, Step.EVENING),),
    Trouble.DISK: (("disk", Step.EVENING, Step.EVENING),),
    Trouble.NONE: (),
}
# The last step with the trouble.
_LASTS = (Step.EVENING, Step.NIGHT, Step.MORNING)


@dataclass(frozen=True, slots=True)
class BadNight:
    """A night of a session: what goes wrong, up to which step, and what befalls the daemons.

    `chance` is for what the night leaves open: a number in [0, 1).
    """

    session: date
    trouble: Trouble
    last: Step
    blow: Blow
    chance: float

    def open_at(self, step: Step) -> Alerts:
        """The alerts that are open at a step, once all has come to rest."""
        if step > self.last:
            return frozenset()
        return frozenset(
            (condition, Open(step >= raised))
            for condition, noticed, raised in _ALERTS[self.trouble]
            if step >= noticed
        )

    def heard(self) -> list[str]:
        """The conditions of which a person hears, each with its recovery."""
        return [name for name, _, raised in _ALERTS[self.trouble] if raised <= self.last]

    def is_stale(self) -> bool:
        """Whether the database lacks in the morning what the vendor has, or should have."""
        return self.last >= Step.MORNING and self.trouble not in (Trouble.DISK, Trouble.NONE)


def bad_nights(sessions: list[date], seed: int) -> Iterator[BadNight]:
    """Nights of all kinds, mixed: each trouble as often as each other, and some calm ones.

    Only in the first quarter anything befalls the first daemon: later it shows whether it grows.
    """
    rng = random.Random(seed)  # noqa: S311 - a test's chance
    pack: list[tuple[Trouble, Step]] = []
    for number, session in enumerate(sessions):
        if not pack:
            pack = [*product(Trouble, _LASTS)]
            rng.shuffle(pack)
        trouble, last = pack.pop()
        if trouble is Trouble.LATE and last is Step.EVENING:
            last = Step.SHORTLY  # it is asked for again after an hour, in which it may come
        blow = rng.choice([*Blow])
        if number >= len(sessions) // 4 and blow in (Blow.FIRST, Blow.BOTH):
            blow = Blow.SECOND
        yield BadNight(session, trouble, last, blow, rng.random())
