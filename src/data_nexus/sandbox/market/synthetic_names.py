"""Make up listings: codes, company names with commas and accents, ISINs.

Pure: every listing follows from the seed, the exchange and its position alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_nexus.sandbox.market.exchanges import exchange_facts
from data_nexus.sandbox.market.tape import Floats, Listing

# The demo key may request these, so a synthetic US begins with them.
KNOWN = (
    ("AAPL", "Apple Inc", "Common Stock", "NASDAQ", "US0378331005"),
    ("MSFT", "Microsoft Corporation", "Common Stock", "NASDAQ", "US5949181045"),
    ("AMZN", "Amazon.com Inc", "Common Stock", "NASDAQ", "US0231351067"),
    ("TSLA", "Tesla Inc", "Common Stock", "NASDAQ", "US88160R1016"),
    ("VTI", "Vanguard Total Stock Market Index Fund ETF Shares", "ETF", "NYSE ARCA", None),
)
KNOWN_CODES = frozenset(code for code, *_ in KNOWN)
FIRST = (
    *("Amber", "Bright", "Cedar", "Delta", "Eagle", "Fjord", "Granite", "Harbor", "Iron"),
    *("Juniper", "Keystone", "Lumen", "Meridian", "Nordic", "Onyx", "Pioneer", "Quartz"),
    *("Ridge", "Summit", "Tidal", "Union", "Vertex", "Willow", "Yarrow", "Zenith"),
    *("Énergie", "Zürich", "São", "Ångström", "O'Hara"),
)
SECOND = (
    *("Bancorp", "Biotech", "Capital", "Chemicals", "Data Systems", "Energy", "Foods", "Freight"),
    *("Gold", "Health", "Hotels", "Instruments", "Labs", "Media", "Metals", "Motors", "Networks"),
    *("Oil & Gas", "Paper", "Pharma", "Power", "Realty", "Robotics", "Semiconductors", "Steel"),
    *("Textiles", "Water", 'Works "W"', "AT&B Telecom", "Tools, Dies"),
)
FORMS = ("Inc", "Corp", "Co, Inc.", "Ltd", "Holdings", "Group PLC", "S.A.", "Trust", "LLC  ", "")

# type, how it shows in the name, share of all listings
TYPES = (
    ("Common Stock", "", 0.74),
    ("ETF", "ETF", 0.13),
    ("FUND", "Fund", 0.05),
    ("Preferred Stock", "Preferred Series A", 0.04),
    ("Warrant", "Warrants", 0.02),
    ("Unit", "Units", 0.01),
    ("Notes", "6.25% Notes", 0.01),
)
FUND_VENUE = "NMFQS"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CODES = 26**4
_STEP = 123_457  # coprime to 26**4: steps of it meet every code once
ISIN_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NO_ISIN_SHARE = 0.2
DRAWS = 10


@dataclass(frozen=True, slots=True)
class Named:
    """A listing with the random numbers in [0, 1) that decide its irregularities."""

    listing: Listing
    draws: Floats


def made_up(exchange: str, count: int, seed: int) -> list[Named]:
    """`count` listings; a smaller count gives the first of the same ones."""
    rng = np.random.default_rng([seed, *exchange.encode()])
    draws = rng.random((count, DRAWS))
    return [Named(_listing(exchange, position, row), row[6:]) for position, row in enumerate(draws)]


def _listing(exchange: str, position: int, row: Floats) -> Listing:
    facts = exchange_facts(exchange)
    if exchange == "US" and position < len(KNOWN):
        code, name, kind, venue, isin = KNOWN[position]
        return Listing(code=code, exchange="US", name=name, type=kind, venue=venue, isin=isin)
    kind, suffix = (facts.type, "") if facts.type else _type(row[0])
    words = (_pick(FIRST, row[1]), _pick(SECOND, row[2]), _pick(FORMS, row[3]), suffix)
    venues = facts.venues[:-1] or (exchange,)
    return Listing(
        code=code_at(position),
        exchange=exchange,
        name=" ".join(word for word in words if word),
        type=kind,
        country=facts.country,
        venue=FUND_VENUE if kind == "FUND" and facts.venues else _pick(venues, row[4]),
        currency=facts.currency,
        isin=None if row[5] < NO_ISIN_SHARE else _isin(facts.iso2 or "XX", row[5]),
    )


def code_at(position: int) -> str:
    """The code of a position: three letters or four, no two alike."""
    number = (position * _STEP + 7919) % _CODES
    letters = ""
    for _ in range(4):
        number, letter = divmod(number, 26)
        letters = LETTERS[letter] + letters
    return letters


def _type(draw: float) -> tuple[str, str]:
    for kind, suffix, share in TYPES:
        if draw < share:
            return kind, suffix
        draw -= share
    return TYPES[0][:2]


def _pick(words: tuple[str, ...], draw: float) -> str:
    return words[int(draw * len(words))]


def _isin(country: str, draw: float) -> str:
    """An ISIN with its check digit (ISO 6166)."""
    body, number = "", int(draw * 10**9 * 997) % 36**9
    for _ in range(9):
        number, digit = divmod(number, 36)
        body = ISIN_DIGITS[digit] + body
    digits = "".join(str(ISIN_DIGITS.index(letter)) for letter in country + body)
    total = sum(
        sum(divmod(int(digit) * (2 if position % 2 == 0 else 1), 10))
        for position, digit in enumerate(reversed(digits))
    )
    return f"{country}{body}{-total % 10}"
