"""The vendor's plans: what a key may request, and how many calls. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from data_nexus.sandbox.answers.refusals import FORBIDDEN, NO_BULK, ONLY_EOD, UNAUTHENTICATED
from data_nexus.sandbox.answers.wire import Answer
from data_nexus.sandbox.variants import Choices, WarningPlace
from data_nexus.sandbox.vendor_request import VendorRequest

DEMO_TOKEN = "demo"  # noqa: S105 - the vendor's public key  # nosec B105
# The union of the sets of the vendor's EOD page of 2026 and of its other documents.
DEMO_SYMBOLS = frozenset(
    {"AAPL.US", "AMZN.US", "MSFT.US", "SWPPX.US", "TSLA.US", "VTI.US"}
    | {"BTC-USD.CC", "EURUSD.FOREX"}
)
FOR_EVERY_KEY = frozenset({"user", "internal-user", "exchanges-list"})
# Refused are intraday, fundamentals, calendar and events (several clients); of symbol lists no
# refusal is reported.
FREE_ENDPOINTS = FOR_EVERY_KEY | {"eod", "exchange-symbol-list"}
FEEDS = ("EOD Historical Data", "Exchanges List API", "Split Data Feed", "Dividends Data Feed")
YEAR = timedelta(365)
WARNING = "Data is limited by one year as you have free subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan: calls a `day` and `extra` ones once, the texts of `user`, and what is refused.

    `one_year`: histories begin a year ago and carry a warning.
    """

    day: int = 100_000
    extra: int = 0
    subscription: str
    payment: str = "Not Available"
    mode: str
    feeds: tuple[str, ...] = ()
    one_year: bool = False
    refuse: Callable[[VendorRequest, Choices], Answer | None]

    def first_day(self, today: date, first: date | None) -> date | None:
        """The first day of a history requested from `first`."""
        return max(first or date.min, today - YEAR) if self.one_year else first


def with_warning(rows: list[dict[str, Any]], where: WarningPlace) -> list[dict[str, Any]]:
    """A year's rows with the free plan's warning: on each, in one more, or alone (reports)."""
    if where == "rows":
        return [{**row, "warning": WARNING} for row in rows]
    return [*(rows if where == "extra" else []), {"warning": WARNING}]


def _refuse_nothing(_: VendorRequest, __: Choices) -> Answer | None:
    return None


def _refuse_the_free(request: VendorRequest, _: Choices) -> Answer | None:
    if request.endpoint == "eod-bulk-last-day":
        return NO_BULK
    return None if request.endpoint in FREE_ENDPOINTS else ONLY_EOD


def _refuse_the_demo(request: VendorRequest, choices: Choices) -> Answer | None:
    if request.endpoint in FOR_EVERY_KEY or request.subject in DEMO_SYMBOLS:
        return None
    return FORBIDDEN if choices.demo_refusal == FORBIDDEN.status else UNAUTHENTICATED


# The texts of the paid plan come from a recording, those of the demo key from documentation;
# no account page of a free plan is known.
PLANS = {
    "all-world": Plan(
        subscription="monthly",
        payment="Stripe",
        mode="paid",
        feeds=FEEDS,
        refuse=_refuse_nothing,
    ),
    "free": Plan(
        day=20,
        extra=500,
        subscription="free",
        mode="free",
        feeds=FEEDS[:2],
        one_year=True,
        refuse=_refuse_the_free,
    ),
}
DEMO = Plan(subscription="test", mode="demo", refuse=_refuse_the_demo)
