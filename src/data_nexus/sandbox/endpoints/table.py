"""The table of endpoints: their prices and the functions that answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_nexus.sandbox.answers.pages import no_such_page
from data_nexus.sandbox.answers.render import JSON, document
from data_nexus.sandbox.answers.wire import Answer
from data_nexus.sandbox.endpoints.actions import dividends, splits, symbol_change_history
from data_nexus.sandbox.endpoints.bulk import bulk_last_day
from data_nexus.sandbox.endpoints.calendars import calendar_splits
from data_nexus.sandbox.endpoints.history import eod
from data_nexus.sandbox.endpoints.symbol_list import exchange_symbol_list
from data_nexus.sandbox.endpoints.user import (
    exchange_details,
    exchanges_list,
    internal_user,
    user,
)
from data_nexus.sandbox.variants import Choices
from data_nexus.sandbox.vendor import Vendor
from data_nexus.sandbox.vendor_request import Invalid, VendorRequest


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The daily calls that a request costs, and the function that answers it."""

    calls: int
    answer: Callable[[Vendor, VendorRequest], Answer]


# Prices: vendor documentation; that the user's pages are free is inferred from recorded counters.
ENDPOINTS = {
    "eod": Endpoint(1, eod),
    "exchange-symbol-list": Endpoint(1, exchange_symbol_list),
    "exchanges-list": Endpoint(1, exchanges_list),
    "eod-bulk-last-day": Endpoint(100, bulk_last_day),
    "div": Endpoint(1, dividends),
    "splits": Endpoint(1, splits),
    "exchange-details": Endpoint(5, exchange_details),
    "symbol-change-history": Endpoint(5, symbol_change_history),
    "calendar/splits": Endpoint(1, calendar_splits),
    "user": Endpoint(0, user),
    "internal-user": Endpoint(0, internal_user),
}


def price(request: VendorRequest, choices: Choices) -> int:
    """The daily calls that the request costs."""
    endpoint = ENDPOINTS.get(request.endpoint)
    if endpoint is None:
        return 0
    if endpoint.answer in (user, internal_user):
        return choices.user_calls
    symbols = request.query.get("symbols", "") if endpoint.answer is bulk_last_day else ""
    named = len([symbol for symbol in symbols.split(",") if symbol])
    return named if named and choices.bulk_symbols == "alone" else endpoint.calls + named


def costs() -> dict[str, int]:
    """The price list: endpoints and their calls."""
    return {name: endpoint.calls for name, endpoint in ENDPOINTS.items()}


def answer_to(vendor: Vendor, request: VendorRequest) -> Answer:
    """The vendor's answer to a request that it accepts."""
    endpoint = ENDPOINTS.get(request.endpoint)
    if endpoint is None:
        return no_such_page(request)
    try:
        return endpoint.answer(vendor, request)
    except Invalid as invalid:
        errors = {"errors": {invalid.parameter: [invalid.message]}}
        return Answer.of(document(errors), JSON, 422)
