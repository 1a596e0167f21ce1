"""The vendor's endpoints and what each costs, in calls of the daily quota. Pure.

Source: the vendor's API-limits page and skills reference (rate-limits); `user` measured at 0 in a
public recording (rockbound/openbb-eodhd@e0f139b, 2026-07-19).
"""

from __future__ import annotations

from enum import StrEnum


class Endpoint(StrEnum):
    """The vendor's endpoints that the engine reads, by their path."""

    EOD = "eod"
    BULK = "eod-bulk-last-day"
    SYMBOLS = "exchange-symbol-list"
    EXCHANGES = "exchanges-list"
    EXCHANGE_DETAILS = "exchange-details"
    SYMBOL_CHANGES = "symbol-change-history"
    DIVIDENDS = "div"
    SPLITS = "splits"
    USER = "user"


CALLS = {
    Endpoint.EOD: 1,
    Endpoint.BULK: 100,
    Endpoint.SYMBOLS: 1,
    Endpoint.EXCHANGES: 1,
    Endpoint.EXCHANGE_DETAILS: 5,
    Endpoint.SYMBOL_CHANGES: 5,
    Endpoint.DIVIDENDS: 1,
    Endpoint.SPLITS: 1,
    Endpoint.USER: 0,
}

MEANINGS = {
    Endpoint.EOD: "all daily bars of a symbol, whatever the range",
    Endpoint.BULK: "one session of a whole exchange: bars, splits or dividends",
    Endpoint.SYMBOLS: "the symbols of an exchange, active or delisted",
    Endpoint.EXCHANGES: "the exchanges",
    Endpoint.EXCHANGE_DETAILS: "hours and holidays of an exchange",
    Endpoint.SYMBOL_CHANGES: "renamed symbols",
    Endpoint.DIVIDENDS: "all dividends of a symbol",
    Endpoint.SPLITS: "all splits of a symbol",
    Endpoint.USER: "the account: the day's calls as the vendor counts them",
}
