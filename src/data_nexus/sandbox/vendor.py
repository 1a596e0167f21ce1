"""Owns what an endpoint may look at: the market, its rendered histories, the account's limits."""

from __future__ import annotations

from dataclasses import dataclass

from data_nexus.sandbox.action_days import ActionDays
from data_nexus.sandbox.bodies import Bodies
from data_nexus.sandbox.limits import Limits
from data_nexus.sandbox.market import Market
from data_nexus.sandbox.wire import Answer


@dataclass(frozen=True, slots=True)
class Vendor:
    """All that answers are made of."""

    market: Market
    bodies: Bodies
    actions: ActionDays
    limits: Limits


# The vendor's words for what it does not find: the first is quoted by several of its clients,
# the others come from one client's tests.
NO_TICKER = Answer.of(b"Ticker Not Found.", status=404)
NO_EXCHANGE = Answer.of(b"Exchange Not Found.", status=404)
NO_SYMBOL = Answer.of(b"Symbol not found", status=404)
