"""A wish in the house's words becomes a path, parameters and a price."""

from __future__ import annotations

import datetime as dt

import pytest

from data_nexus.domain.calendar.window import EARLIEST, Window
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.symbol import Symbol
from data_nexus.eodhd.requests import (
    Request,
    dividends_request,
    history_request,
    splits_request,
    symbol_list_request,
)

AAPL = Symbol("AAPL", "US")
PRICES = {
    "eod": 1,
    "eod-bulk-last-day": 100,
    "exchange-symbol-list": 1,
    "exchanges-list": 1,
    "exchange-details": 5,
    "symbol-change-history": 5,
    "div": 1,
    "splits": 1,
    "user": 0,
}


def test_a_whole_history_names_no_dates() -> None:
    request = history_request(AAPL, Window(EARLIEST, dt.date(2024, 3, 2)))
    assert request.path == "/eod/AAPL.US"
    assert dict(request.params) == {"period": "d", "order": "a", "fmt": "json"}


def test_a_later_history_begins_where_the_window_does() -> None:
    request = history_request(AAPL, Window(dt.date(2024, 2, 18), dt.date(2024, 3, 2)))
    assert dict(request.params) == {
        "from": "2024-02-18",
        "period": "d",
        "order": "a",
        "fmt": "json",
    }


@pytest.mark.parametrize(
    ("request_", "path"),
    [(splits_request(AAPL), "/splits/AAPL.US"), (dividends_request(AAPL), "/div/AAPL.US")],
)
def test_all_actions_are_asked_for_by_name(request_: Request, path: str) -> None:
    """A date that the vendor took for meant would have all older ones count as withdrawn."""
    assert request_.path == path
    assert dict(request_.params) == {"from": "1900-01-01", "fmt": "json"}


@pytest.mark.parametrize(
    ("delisted", "params"), [(False, {"fmt": "json"}), (True, {"delisted": "1", "fmt": "json"})]
)
def test_a_symbol_list_holds_the_living_or_the_dead(
    *, delisted: bool, params: dict[str, str]
) -> None:
    request = symbol_list_request("US", delisted=delisted)
    assert request.path == "/exchange-symbol-list/US"
    assert dict(request.params) == params


@pytest.mark.parametrize(
    "request_",
    [
        history_request(AAPL, Window(EARLIEST, EARLIEST)),
        symbol_list_request("US"),
        splits_request(AAPL),
        dividends_request(AAPL),
    ],
)
def test_a_request_costs_one_call_and_holds_no_token(request_: Request) -> None:
    assert request_.calls == 1
    assert "api_token" not in dict(request_.params)


def test_every_endpoint_has_the_price_that_the_vendor_states() -> None:
    assert {str(endpoint): CALLS[endpoint] for endpoint in Endpoint} == PRICES
