"""Owns what is asked: a wish in the house's words becomes a path, parameters and a price. Pure.

The token is no part of a request; the client adds it on the wire. `fmt=json` is always sent: the
vendor's default differs by source, and a JSON document that was cut fails to parse where a cut
CSV does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, urlencode

from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.window import Window

# Named, although a missing date should mean the same: what an answer lacks counts as withdrawn.
_SINCE_EVER = (("from", "1900-01-01"), ("fmt", "json"))


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the vendor: whom it is about (`subject`), where, and with what."""

    endpoint: Endpoint
    subject: str
    params: tuple[tuple[str, str], ...] = ()

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
        """What the request costs of the daily quota."""
        return CALLS[self.endpoint]


def history_request(symbol: Symbol, window: Window) -> Request:
    """Ask for a symbol's daily bars, oldest first; a whole history names no dates at all."""
    dates = () if window.is_whole else (("from", window.first.isoformat()),)
    params = (*dates, ("period", "d"), ("order", "a"), ("fmt", "json"))
    return Request(Endpoint.EOD, str(symbol), params)


def splits_request(symbol: Symbol) -> Request:
    """Ask for all splits of a symbol."""
    return Request(Endpoint.SPLITS, str(symbol), _SINCE_EVER)


def dividends_request(symbol: Symbol) -> Request:
    """Ask for all dividends of a symbol."""
    return Request(Endpoint.DIVIDENDS, str(symbol), _SINCE_EVER)


def symbol_list_request(exchange: str, *, delisted: bool = False) -> Request:
    """Ask for an exchange's symbols: the listed ones, or with `delisted` only the dead ones."""
    dead = (("delisted", "1"),) if delisted else ()
    return Request(Endpoint.SYMBOLS, exchange, (*dead, ("fmt", "json")))


def symbol_changes_request() -> Request:
    """Ask for all renames that the vendor knows of; its list begins in July 2022."""
    return Request(Endpoint.SYMBOL_CHANGES, "", (("from", "2022-07-22"), ("fmt", "json")))


def bulk_request(exchange: str, session: date, feed: str = "") -> Request:
    """Ask for a session of a whole exchange: its bars, or its `splits` or `dividends`."""
    kind = (("type", feed),) if feed else ()
    params = (("date", session.isoformat()), *kind, ("fmt", "json"))
    return Request(Endpoint.BULK, exchange, params)


def user_request() -> Request:
    """Ask for the account itself: what it may do and what it has spent."""
    return Request(Endpoint.USER, "")
