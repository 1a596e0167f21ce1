"""The exchanges that the vendor lists, beside those that the database holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class ListedExchange:
    """An exchange of the vendor's list; `code` is the one in its paths, `US` or `XETRA`.

    `operating_mic` are codes of ISO 10383, with commas; what the vendor does not say is empty.
    """

    code: str
    name: str
    country: str
    currency: str
    operating_mic: str


@dataclass(frozen=True, slots=True)
class HeldExchange:
    """An exchange of the database: its assets, those with bars, and the last date of these."""

    code: str
    assets: int
    with_bars: int
    last_bar: date | None


@dataclass(frozen=True, slots=True)
class KnownExchange:
    """An exchange as the vendor lists it, with what the database holds of it."""

    code: str
    name: str
    country: str
    currency: str
    operating_mic: str
    assets: int
    with_bars: int
    last_bar: date | None


def known_exchanges(
    listed: Iterable[ListedExchange], held: Iterable[HeldExchange]
) -> list[KnownExchange]:
    """Return every exchange once: those with assets here first, then by code."""
    names = {each.code: each for each in listed}
    owned = {each.code: each for each in held}
    found = []
    for code in sorted(names.keys() | owned.keys(), key=lambda code: (code not in owned, code)):
        name = names.get(code) or ListedExchange(code, "", "", "", "")
        own = owned.get(code) or HeldExchange(code, 0, 0, None)
        found.append(
            KnownExchange(
                *(code, name.name, name.country, name.currency, name.operating_mic),
                *(own.assets, own.with_bars, own.last_bar),
            )
        )
    return found
