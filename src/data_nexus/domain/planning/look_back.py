"""How far an update in bulk looks back: which sessions before the new one are fetched again. Pure.

The vendor settles values overnight and works actions in late. So an exchange that is read in bulk
has the prices of its last session compared once more, and the actions of the sessions before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_nexus.domain.endpoints import CALLS, Endpoint

# Of how many sessions before the new one the actions are fetched again, unless settings differ.
SESSIONS = 1


@dataclass(frozen=True, slots=True)
class LookBack:
    """What is fetched again: the `prices` of the session before or not, `actions` of some sessions.

    Each session's splits and dividends are a bulk request each.
    """

    prices: bool = True
    actions: int = SESSIONS

    @property
    def requests(self) -> int:
        """How many bulk requests it takes."""
        return self.prices + 2 * self.actions

    @property
    def calls(self) -> int:
        """What it costs of the daily quota."""
        return self.requests * CALLS[Endpoint.BULK]


NO_LOOK_BACK = LookBack(prices=False, actions=0)


def affordable(exchanges: Sequence[str], calls: int | None, actions: int) -> dict[str, LookBack]:
    """Return the look-back of each exchange that some calls pay for; None is any number.

    What new sessions cost is not among them. If they do not suffice, the actions of the older
    sessions give way first, then those of newer ones, and last the prices; of equals, the
    exchanges that come later.
    """
    granted = dict.fromkeys(exchanges, NO_LOOK_BACK)
    left = calls
    steps = [LookBack(actions=sessions) for sessions in range(actions + 1)]
    for step in steps:
        for exchange in exchanges:
            more = step.calls - granted[exchange].calls
            if left is not None and more > left:
                return granted
            granted[exchange] = step
            left = None if left is None else left - more
    return granted
