"""Suspicions: what makes an asset be read again although nothing is due, and when. Pure.

Some mistakes of a vendor look like the truth on the evening on which they appear: a row
that does not come, a price that leaps, an action that the adjusted closes do not show. Such an
asset is noted, with the reason, and its whole history is read again later, at growing
distances, until the reason is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from data_nexus.errors import UsageError

# After so many readings that did not help, a suspicion is left to the audit and to a person.
MOST_READINGS = 6
# Adjusted closes that are unexplained since longer than this will not be mended by waiting.
RECENT = timedelta(days=30)
# After so many readings that agree, what a first one was not believed is: a week.
CONFIRMING_READINGS = 4


class Reason(StrEnum):
    """Why an asset is suspected."""

    LATE = "no row although it trades"
    REJECTED = "its row was rejected"
    UNSENT = "a stored bar is not sent any more"
    END = "its last bar is not sent any more"
    LOST = "lost bars are not sent"
    ANOTHER = "its bars look like those of another asset"
    LEAP = "its price leaps"
    ACTION = "an action was reported late"
    CHANGED = "its history has changed"
    OPEN = "its last bars were not compared again"
    UNEXPLAINED = "actions do not explain its adjusted closes"


# What shows only when a whole history is compared with the stored bars.
SEEN_BY_COMPARISON = frozenset({Reason.LOST, Reason.ANOTHER})
# What a person may accept; if a comparison has shown it, the next reading is believed then. The
# others say what the vendor's answers have not shown yet.
ACCEPTABLE = tuple(each for each in Reason if each not in {Reason.END, Reason.OPEN, Reason.CHANGED})


def acceptable(text: str) -> Reason:
    """Return the reason of this text; raise `UsageError` if there is none that can be accepted."""
    found = next((each for each in ACCEPTABLE if each == text), None)
    if found is None:
        reasons = ", ".join(f"'{each}'" for each in ACCEPTABLE)
        remedy = "read the asset again with nexus repair" if text in set(Reason) else reasons
        raise UsageError(f"not a reason that can be accepted: {text!r}; {remedy}")
    return found


@dataclass(frozen=True, slots=True)
class Suspicion:
    """An asset that is to be read again: why, because of which session, and from when on.

    `answer` is the fingerprint of the one that raised it, where readings must agree.
    """

    asset_id: int
    reason: Reason
    session: date
    read_after: datetime
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class NotedSuspicion:
    """A suspicion as it is stored: how many `times` the asset was read because of it.

    `is_due`: it is time for the next reading. `answer` is the fingerprint of the last one, if
    readings must agree.
    """

    asset_id: int
    reason: Reason
    session: date
    times: int
    is_due: bool = True
    answer: str | None = None

    def after(self, answer: str) -> NotedSuspicion:
        """Return it with the answer that a reading has brought: another than before is a first."""
        times = self.times if self.answer in (None, answer) else 0
        return replace(self, times=times, answer=answer)


def is_end_confirmed(noted: Iterable[NotedSuspicion], last_bar: date) -> bool:
    """Say whether a reading that ends before the last stored bar confirms those of a week before.

    Not if another bar was last then: newer ones have been stored, and the answers are old.
    """
    return any(
        each.reason is Reason.END
        and each.session == last_bar
        and each.is_due
        and each.times + 1 >= CONFIRMING_READINGS
        for each in noted
    )


def confirmed(noted: Iterable[NotedSuspicion]) -> frozenset[Reason]:
    """Return which doubts of a comparison a reading overcomes, as it is due and the last of a week.

    Bars that are still not sent are lost for good, and an answer that stays another one is right.
    """
    return frozenset(
        each.reason
        for each in noted
        if each.reason in SEEN_BY_COMPARISON
        and each.is_due
        and each.times + 1 >= CONFIRMING_READINGS
    )


def wait_after(times: int) -> timedelta | None:
    """Return how long to wait after a number of readings (from 1): 1, 2, 4, 8 … days, or for good.

    A little less than whole days, so that an update that begins earlier than the last one counts.
    """
    return timedelta(days=2 ** (times - 1), hours=-6) if times < MOST_READINGS else None


@dataclass(frozen=True, slots=True)
class SettledSuspicion:
    """What an answer does to a suspicion: it ends, or the next reading has another moment.

    Without a moment it is put off for good. So many `times` the asset was read because of it by
    then, this one included.
    """

    asset_id: int
    reason: Reason
    is_ended: bool
    read_after: datetime | None = None
    times: int = 0
    answer: str | None = None
