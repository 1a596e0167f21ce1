"""The state that endpoints read: the market, its rendered histories, the accounts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from data_nexus.sandbox.account.limits import Limits
from data_nexus.sandbox.account.other_spender import OtherSpender
from data_nexus.sandbox.account.plans import DEMO_TOKEN, Plan
from data_nexus.sandbox.answers.bodies import Bodies
from data_nexus.sandbox.answers.wire import Answer
from data_nexus.sandbox.market.action_days import ActionDays
from data_nexus.sandbox.market.market import Market
from data_nexus.sandbox.variants import Choices
from data_nexus.sandbox.vendor_request import VendorRequest


@dataclass(slots=True)
class Account:
    """What belongs to a key: its plan, its counters, and its other user."""

    plan: Plan
    limits: Limits
    other: OtherSpender


@dataclass(slots=True, kw_only=True)
class Vendor:
    """The state behind all answers; the demo key has its own account."""

    market: Market
    bodies: Bodies
    actions: ActionDays
    account: Account
    demo: Account
    choices: Choices = field(default_factory=Choices)

    def account_of(self, request: VendorRequest) -> Account:
        """The account that a request is charged to."""
        return self.demo if request.token == DEMO_TOKEN else self.account

    def no_ticker(self) -> Answer:
        """What `eod` answers for an unknown symbol."""
        return replace(NO_TICKER, status=self.choices.unknown_ticker)


# The vendor's texts for what it does not find: the first is quoted by several of its clients,
# the others come from one client's tests.
NO_TICKER = Answer.of(b"Ticker Not Found.", status=404)
NO_EXCHANGE = Answer.of(b"Exchange Not Found.", status=404)
NO_SYMBOL = Answer.of(b"Symbol not found", status=404)
