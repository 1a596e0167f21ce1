"""Which assets may have prices of zero or below, by exchange, type and symbol."""

from __future__ import annotations

import pytest

from data_nexus.domain.symbol import parse_symbol
from data_nexus.domain.validation.price_kinds import (
    SIGNED_ASSETS,
    PriceKind,
    PriceKinds,
    price_kinds,
)
from data_nexus.errors import UsageError


@pytest.mark.parametrize(
    ("symbol", "asset_type", "kind"),
    [
        ("DE10Y.GBOND", "BOND", PriceKind.SIGNED),
        ("CL.COMM", "Commodity", PriceKind.SIGNED),
        ("EURIBOR3M.MONEY", "", PriceKind.SIGNED),
        ("IRX.INDX", "INDEX", PriceKind.SIGNED),
        ("GSPC.INDX", "INDEX", PriceKind.POSITIVE),
        ("AAPL.US", "Common Stock", PriceKind.POSITIVE),
        ("EURUSD.FOREX", "Currency", PriceKind.POSITIVE),
        ("BTC-USD.CC", "Currency", PriceKind.POSITIVE),
        ("US0378331005.BOND", "BOND", PriceKind.POSITIVE),
        ("COMM.US", "Common Stock", PriceKind.POSITIVE),
    ],
)
def test_yields_rates_and_commodities_are_signed_and_nothing_else(
    symbol: str, asset_type: str, kind: PriceKind
) -> None:
    assert PriceKinds().of(parse_symbol(symbol), asset_type) is kind


@pytest.mark.parametrize(
    ("more", "symbol", "asset_type"),
    [
        ("NYM", "CL.NYM", "FUTURE"),
        ("us:note", "A.US", "Note"),
        (" NYM , TICK.INDX ,", "TICK.INDX", "INDEX"),
        ("US: Capital Notes", "A.US", "Capital Notes"),
    ],
)
def test_a_setting_names_more_of_them(more: str, symbol: str, asset_type: str) -> None:
    asked = parse_symbol(symbol), asset_type
    assert PriceKinds().of(*asked) is PriceKind.POSITIVE
    assert price_kinds(more).of(*asked) is PriceKind.SIGNED
    assert price_kinds(more).of(parse_symbol("CL.COMM"), "") is PriceKind.SIGNED
    assert price_kinds(more).of(parse_symbol("B.US"), "Common Stock") is PriceKind.POSITIVE


@pytest.mark.parametrize("more", ["US:", ":Note", "A B", "N/M", "AAPL.", "../x"])
def test_what_names_no_asset_is_refused_with_an_example(more: str) -> None:
    with pytest.raises(UsageError, match=r"NEXUS_SIGNED_PRICES: not an exchange.*write it like"):
        price_kinds(more)


def test_without_the_setting_the_table_alone_decides() -> None:
    assert price_kinds("").signed == SIGNED_ASSETS


def test_the_codes_of_an_exchange_are_judged_as_its_assets_are() -> None:
    kinds = price_kinds("US:Note, US:Bond, B.US")
    types = {"A": "NOTE", "B": "Common Stock", "C": "Common Stock", "D": "bond"}
    signed = kinds.signed_codes("US", types)
    assert [code for code in "ABCDE" if code in signed] == ["A", "B", "D"]
    assert "ANY" in kinds.signed_codes("COMM", {})
    assert "TNX" in kinds.signed_codes("INDX", {})
    assert "A" not in kinds.signed_codes("LSE", types)
