"""Describe exchanges: names, currencies, hours. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """An exchange as the vendor's lists describe it; `hours` are local, first and last trade.

    `type`: the one of all its listings, where they have no other.
    """

    name: str
    mic: str | None
    country: str
    currency: str
    iso2: str
    iso3: str
    timezone: str
    hours: tuple[time, time]
    venues: tuple[str, ...] = ()
    type: str | None = None


_NEW_YORK = ("America/New_York", (time(9, 30), time(16, 0)))
_EUROPE = (time(9, 0), time(17, 30))

EXCHANGES = {
    "US": ExchangeFacts(
        *("USA Stocks", "XNAS, XNYS, OTCM, XCBO", "USA", "USD", "US", "USA"),
        *_NEW_YORK,
        ("NASDAQ", "NYSE", "NYSE ARCA", "NYSE MKT", "BATS", "OTC", "PINK", "NMFQS"),
    ),
    "LSE": ExchangeFacts(
        *("London Exchange", "XLON", "UK", "GBP", "GB", "GBR"),
        *("Europe/London", (time(8, 0), time(16, 30))),
    ),
    "XETRA": ExchangeFacts(
        *("XETRA Exchange", "XETR", "Germany", "EUR", "DE", "DEU"), *("Europe/Berlin", _EUROPE)
    ),
    "F": ExchangeFacts(
        *("Frankfurt Exchange", "XFRA", "Germany", "EUR", "DE", "DEU"),
        *("Europe/Berlin", (time(8, 0), time(20, 0))),
    ),
    "PA": ExchangeFacts(
        *("Euronext Paris", "XPAR", "France", "EUR", "FR", "FRA"), *("Europe/Paris", _EUROPE)
    ),
    "TO": ExchangeFacts(
        *("Toronto Exchange", "XTSE", "Canada", "CAD", "CA", "CAN"),
        *("America/Toronto", (time(9, 30), time(16, 0))),
    ),
    "GBOND": ExchangeFacts(
        *("Government Bonds", None, "Unknown", "Unknown", "", "", "UTC", _EUROPE), type="BOND"
    ),
    "COMM": ExchangeFacts(
        *("Commodities", None, "Unknown", "USD", "", ""), *_NEW_YORK, type="Commodity"
    ),
    "AU": ExchangeFacts(
        *("Australian Securities Exchange", "XASX", "Australia", "AUD", "AU", "AUS"),
        *("Australia/Sydney", (time(10, 0), time(16, 0))),
    ),
}


def exchange_facts(code: str) -> ExchangeFacts:
    """The description of an exchange; an unknown one gets a generic description."""
    return EXCHANGES.get(code) or ExchangeFacts(
        *(f"{code} Exchange", None, "Unknown", "Unknown", "", ""), *("UTC", _EUROPE)
    )
