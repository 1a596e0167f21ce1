"""How far an answer moves an asset's cursors: what it covers, and what it settles. Pure.

The vendor settles a session's values until the next one is published, and some of its bars are out
a session late. So an answer is proof of a session only if the vendor must have published it when
the request was sent, and settles it only if the next one was published by then, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from data_nexus.domain.calendar.publication import Published


@dataclass(frozen=True, slots=True)
class Reach:
    """Up to which session an answer speaks, and up to which its values are final; None is none."""

    passes_to: date | None
    settles_to: date | None


# The reach of an answer that speaks of no session.
NO_REACH = Reach(None, None)


def reach_of_due(published: Published, seen: date) -> Reach:
    """Return the reach of an answer for an asset that was due by the calendar.

    `seen` is the last session of its exchange of which any bar was received. A published session
    without any is late, and nothing is known of it; one that was published before the last is not
    expected any more.
    """
    proved = published.last if seen >= published.last else published.before
    settled = published.before if proved == published.last else published.earlier
    return Reach(proved, settled)


def limited(reach: Reach, last: date | None) -> Reach:
    """Return the reach of an answer that speaks of no session after a day; None: of none at all."""
    if last is None:
        return NO_REACH
    return Reach(*(each and min(each, last) for each in (reach.passes_to, reach.settles_to)))


def reach_of_history(published: Published, last_bar: date | None) -> Reach:
    """Return the reach of an answer that was requested whatever the calendar says.

    Of an asset whose bars have ended it is not known why: it speaks as far as it has bars. A bar of
    a session that is still to be published is provisional and moves nothing.
    """
    if last_bar is None:
        return NO_REACH
    passes_to = min(last_bar, published.last)
    settled = published.before if last_bar >= published.last else published.earlier
    return Reach(passes_to, min(passes_to, settled))
