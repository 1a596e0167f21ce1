"""How far an update in bulk looks back: which sessions before the new one are fetched again. Pure.

The vendor settles values overnight and works actions in late. So an exchange that is read in bulk
has the prices of its last session compared once more, and the actions of the sessions before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from data_nexus.domain.endpoints import CALLS, Endpoint

# Of how many sessions before the new one the actions are fetched again, unless settings differ.
SESSIONS = 1
# Of no more sessions the prices are compared: what is open for longer is left to single histories.
MOST_COMPARED = 5


@dataclass(frozen=True, slots=True)
class LookBack:
    """What is fetched again: the `prices` of some sessions, and the `actions` of some.

    Each session's splits and dividends are a bulk request each.
    """

    prices: int = 1
    actions: int = SESSIONS

    @property
    def requests(self) -> int:
        """How many bulk requests it takes."""
        return self.prices + 2 * self.actions

    @property
    def calls(self) -> int:
        """What it costs of the daily quota."""
        return self.requests * CALLS[Endpoint.BULK]


NO_LOOK_BACK = LookBack(prices=0, actions=0)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A number of `assets` of an exchange whose values are final up to a session, and not after."""

    exchange: str
    settled_through: date
    assets: int


def sessions_to_compare(before: Sequence[date], unsettled: Iterable[Unsettled]) -> int:
    """Return of how many sessions the prices are to be compared, the newest of them included.

    `before` are the last sessions before the new one, ascending. A session that was not compared
    when it was the newest is compared later, if that costs less than the histories of its assets.
    """
    open_ones = [(each.settled_through, each.assets) for each in unsettled]

    def saved(sessions: int) -> int:
        # An asset is settled by comparing all sessions after the last one that is settled.
        reached = sum(assets for day, assets in open_ones if day >= before[-sessions - 1])
        return reached - (sessions - 1) * CALLS[Endpoint.BULK]

    return max(range(1, min(MOST_COMPARED, len(before) - 1) + 1), key=saved, default=1)


def affordable(wanted: Mapping[str, LookBack], calls: int | None) -> dict[str, LookBack]:
    """Return the part of each exchange's look back that some calls pay for; None is any number.

    What new sessions cost is not among them. If they do not suffice, the prices of older sessions
    give way first, then the actions of older sessions, those of newer ones, and last the prices of
    the newest; of equals, the exchanges that come later.
    """
    granted = dict.fromkeys(wanted, NO_LOOK_BACK)
    left = calls
    for step in _steps(wanted.values()):
        for exchange, most in wanted.items():
            more = LookBack(min(step.prices, most.prices), min(step.actions, most.actions))
            price = more.calls - granted[exchange].calls
            if left is not None and price > left:
                return granted
            granted[exchange] = more
            left = None if left is None else left - price
    return granted


def _steps(wanted: Collection[LookBack]) -> list[LookBack]:
    """Return what is granted one after the other: each adds to the one before."""
    actions = max((each.actions for each in wanted), default=0)
    prices = max((each.prices for each in wanted), default=0)
    older = [LookBack(sessions, actions) for sessions in range(2, prices + 1)]
    return [LookBack(1, sessions) for sessions in range(actions + 1)] + older
