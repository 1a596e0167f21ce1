"""Build requests: path, parameters and price. Pure.

A request holds no token; the client adds it on the wire. `fmt=json` is always sent: the
vendor's default differs by source, and a JSON document that was cut fails to parse where a cut
CSV does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, urlencode

from data_nexus.domain.calendar.window import Window
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.symbol import Symbol

# Explicit, although a missing date should mean the same: what an answer lacks counts as withdrawn.
_FROM_THE_START = (("from", "1900-01-01"), ("fmt", "json"))


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the vendor: endpoint, subject (a symbol or exchange) and parameters."""

    endpoint: Endpoint
    subject: str
    params: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What the request is about, for an error: its subject, or else the endpoint."""
        return self.subject or str(self.endpoint)

    @property
    def path(self) -> str:
        """The path below the API's root, percent-encoded."""
        return f"/{self.endpoint}/{quote(self.subject, safe='')}".rstrip("/")

    @property
    def text(self) -> str:
        """The path and the parameters, for people."""
        return f"{self.path}?{urlencode(self.params)}" if self.params else self.path

    @property
    def calls(self) -> int:
        """The calls of the daily quota that the request costs."""
        return CALLS[self.endpoint]


def history_request(symbol: Symbol, window: Window) -> Request:
    """Request a symbol's daily bars, oldest first; for a whole history without dates."""
    dates = () if window.is_whole else (("from", window.first.isoformat()),)
    params = (*dates, ("period", "d"), ("order", "a"), ("fmt", "json"))
    return Request(Endpoint.EOD, str(symbol), params)


def splits_request(symbol: Symbol) -> Request:
    """Request all splits of a symbol."""
    return Request(Endpoint.SPLITS, str(symbol), _FROM_THE_START)


def dividends_request(symbol: Symbol) -> Request:
    """Request all dividends of a symbol."""
    return Request(Endpoint.DIVIDENDS, str(symbol), _FROM_THE_START)


def symbol_list_request(exchange: str, *, delisted: bool = False) -> Request:
    """Request an exchange's symbols: the listed ones, or with `delisted` the delisted ones."""
    chosen = (("delisted", "1"),) if delisted else ()
    return Request(Endpoint.SYMBOLS, exchange, (*chosen, ("fmt", "json")))


def symbol_changes_request() -> Request:
    """Request all renames that the vendor knows; its list begins in July 2022."""
    return Request(Endpoint.SYMBOL_CHANGES, "", (("from", "2022-07-22"), ("fmt", "json")))


def bulk_request(exchange: str, session: date, feed: str = "") -> Request:
    """Request a session of a whole exchange: its bars, or its `splits` or `dividends`."""
    kind = (("type", feed),) if feed else ()
    params = (("date", session.isoformat()), *kind, ("fmt", "json"))
    return Request(Endpoint.BULK, exchange, params)


def exchanges_request() -> Request:
    """Request the list of the exchanges."""
    return Request(Endpoint.EXCHANGES, "", (("fmt", "json"),))


def user_request() -> Request:
    """Request the account: its plan and the calls spent."""
    return Request(Endpoint.USER, "")
