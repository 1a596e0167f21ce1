"""Which assets may have prices of zero or below: a table by exchange, type and symbol. Pure.

A share's price is above zero. A yield, an interest rate, a spread and the price of a commodity, as
of a future on it, need not be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from data_nexus.domain.symbol import Symbol, exchange_code, parse_symbol
from data_nexus.errors import UsageError

SETTING = "NEXUS_SIGNED_PRICES"


class PriceKind(StrEnum):
    """What the prices of an asset may be."""

    POSITIVE = "positive"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class SignedAssets:
    """Assets whose prices may be zero or negative: of an exchange, of one type of it, or one code.

    Types are compared without regard to case. `meaning` says what they are, for the docs.
    """

    exchange: str
    asset_type: str | None = None
    code: str | None = None
    meaning: str = ""

    def cover(self, symbol: Symbol, asset_type: str) -> bool:
        """Say whether an asset of a type is one of them."""
        return (
            symbol.exchange == self.exchange
            and self.code in (None, symbol.code)
            and self.asset_type in (None, asset_type.casefold())
        )

    def __str__(self) -> str:
        if self.code is not None:
            return f"{self.code}.{self.exchange}"
        return self.exchange if self.asset_type is None else f"{self.exchange}:{self.asset_type}"


_TREASURY_YIELD = "the yield of US Treasury bills or bonds, as an index"
# Corporate bonds (the type BOND of other exchanges) are quoted in percent of their face value, and
# stay above zero; so do currencies, funds and all other indices.
SIGNED_ASSETS = (
    SignedAssets("GBOND", meaning="yields of government bonds"),
    SignedAssets("MONEY", meaning="interest rates of money markets"),
    SignedAssets("COMM", meaning="commodities; oil closed at -37.63 on 2020-04-20"),
    *(
        SignedAssets("INDX", code=code, meaning=_TREASURY_YIELD)
        for code in ("IRX", "FVX", "TNX", "TYX")
    ),
)


@dataclass(frozen=True, slots=True)
class SignedCodes:
    """The codes of one exchange whose prices may be zero or negative."""

    are_all: bool = False
    codes: frozenset[str] = frozenset()

    def __contains__(self, code: str) -> bool:
        """Say whether a code is one of them."""
        return self.are_all or code in self.codes


NO_CODES = SignedCodes()


@dataclass(frozen=True, slots=True)
class PriceKinds:
    """The kind of each asset's prices, by a table of those that may be zero or negative."""

    signed: tuple[SignedAssets, ...] = SIGNED_ASSETS

    def of(self, symbol: Symbol, asset_type: str) -> PriceKind:
        """Return the kind of an asset's prices; `asset_type` is the vendor's word."""
        is_signed = any(each.cover(symbol, asset_type) for each in self.signed)
        return PriceKind.SIGNED if is_signed else PriceKind.POSITIVE

    def signed_codes(self, exchange: str, asset_types: Mapping[str, str]) -> SignedCodes:
        """Return the codes of an exchange whose prices may be zero or negative.

        `asset_types` are the types of those of its assets that matter, by code.
        """
        here = [each for each in self.signed if each.exchange == exchange]
        types = {each.asset_type for each in here if each.asset_type is not None}
        return SignedCodes(
            are_all=any(each.code is None and each.asset_type is None for each in here),
            codes=frozenset(each.code for each in here if each.code is not None).union(
                code for code, of in asset_types.items() if types and of.casefold() in types
            ),
        )


def price_kinds(more: str) -> PriceKinds:
    """Return the kinds with more assets whose prices may be zero or negative.

    `more` is the setting's text: exchanges, types of an exchange and symbols (`NYM, US:Note,
    TICK.INDX`). Raises `UsageError` for anything else.
    """
    return PriceKinds((*SIGNED_ASSETS, *_parsed(more)))


def _parsed(more: str) -> Iterator[SignedAssets]:
    for text in filter(None, map(str.strip, more.split(","))):
        exchange, colon, asset_type = text.partition(":")
        try:
            if colon and asset_type.strip():
                yield SignedAssets(exchange_code(exchange), asset_type.strip().casefold())
            elif "." in text:
                symbol = parse_symbol(text)
                yield SignedAssets(symbol.exchange, code=symbol.code)
            else:
                yield SignedAssets(exchange_code(text))
        except UsageError:
            raise UsageError(
                f"{SETTING}: not an exchange, a type or a symbol: {text!r}; write it like COMM,"
                " US:Note or TICK.INDX"
            ) from None
