"""The vendor's change history becomes symbol changes, or is refused as a whole."""

from __future__ import annotations

import json
from datetime import date

import pytest

from data_nexus.domain.listings.listing import SymbolChange
from data_nexus.eodhd.decode_symbol_changes import SymbolChanges, decode_symbol_changes
from data_nexus.errors import BrokenAnswer, NotAnAnswer

LINE = {
    "exchange": "US",
    "old_symbol": "SQ",
    "new_symbol": "XYZ",
    "company_name": "Block Inc ",
    "effective": "2025-01-21",
}
SQ = SymbolChange("US", "SQ", "XYZ", "Block Inc", date(2025, 1, 21))


def decoded(*lines: object) -> SymbolChanges:
    return decode_symbol_changes(json.dumps(lines).encode())


def test_a_line_becomes_a_change_whatever_else_it_says() -> None:
    assert decoded(LINE, LINE | {"note": 1, "company_name": None}) == SymbolChanges(
        (SQ, SymbolChange("US", "SQ", "XYZ", "", date(2025, 1, 21))), 0
    )


def test_no_renames_are_an_answer() -> None:
    assert decoded() == SymbolChanges((), 0)


def test_codes_may_carry_their_exchange() -> None:
    assert decoded(LINE | {"old_symbol": "SQ.US", "new_symbol": " XYZ.US"}).changes == (SQ,)


@pytest.mark.parametrize(
    "change",
    [
        {"old_symbol": None},
        {"new_symbol": ""},
        {"new_symbol": "SQ"},
        {"old_symbol": "../x"},
        {"effective": "0000-00-00"},
        {"effective": None},
        {"exchange": None},
    ],
    ids=str,
)
def test_a_line_that_names_no_two_codes_and_a_day_is_counted_and_left_out(
    change: dict[str, str | None],
) -> None:
    assert decoded(LINE | change, LINE) == SymbolChanges((SQ,), 1)


@pytest.mark.parametrize(
    "odd",
    [
        b'"old_symbol":true',
        b'"company_name":["x"]',
        b'"effective":20250121',
        b'"effective":1e999',
        b'"exchange":null',
        b'"more":01',
        b'"company_name":"\\x41"',
    ],
)
def test_an_odd_value_costs_its_line(odd: bytes) -> None:
    good = json.dumps(LINE).encode()
    assert decode_symbol_changes(b"[%s,%s,%s}]" % (good, good, good[:-1] + b"," + odd)) == (
        SymbolChanges((SQ, SQ), 1)
    )


@pytest.mark.parametrize(
    "text", [b'"\\ud800Block\\ud800"', b'"Bl\x00ock\x1b"', b'"\tBlock\n"'], ids=str
)
def test_an_odd_name_costs_nothing(text: bytes) -> None:
    body = json.dumps(LINE).encode().replace(b'"Block Inc "', text)
    (change,) = decode_symbol_changes(b"[%s]" % body).changes
    assert change.name == "Block"


def test_a_number_for_a_code_is_its_text() -> None:
    (change,) = decoded(LINE | {"old_symbol": 600000}).changes
    assert change.old == "600000"
    assert decoded(LINE | {"old_symbol": 600000.0}) == SymbolChanges((), 1)


@pytest.mark.parametrize("body", [b"", b"[{", b'[{"exchange":"US"}', b"Forbidden", b"\xff\xfe"])
def test_what_is_cut_or_no_json_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        decode_symbol_changes(body)


@pytest.mark.parametrize("body", [b"{}", b"null", b'"NA"', b"[1]", b'[{"old_symbol": 5}]'])
def test_json_of_another_shape_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        decode_symbol_changes(body)
