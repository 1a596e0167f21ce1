"""A symbol list is read whole or not at all, and odd names are ordinary."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_nexus.domain.listings.exchange_lists import ListedExchange
from data_nexus.domain.listings.listing import Listing, SymbolList
from data_nexus.domain.symbol import Symbol
from data_nexus.eodhd.decode_symbols import decode_exchanges, decode_symbols
from data_nexus.errors import BrokenAnswer, NexusError, NotAnAnswer

HEADER = "Code,Name,Country,Exchange,Currency,Type,Isin"
KEYS = HEADER.split(",")
AAPL = ("AAPL", "Apple Inc", "USA", "NASDAQ", "USD", "Common Stock", "US0378331005")
APPLE = Listing(
    symbol=Symbol("AAPL", "US"),
    venue="NASDAQ",
    name="Apple Inc",
    asset_type="Common Stock",
    country="USA",
    currency="USD",
    isin="US0378331005",
)
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "an HTML page": b"<html></html>",
    "words": b"Exchange Not Found.",
    "another header": b"Code,Name\nAAPL,Apple\n",
    "a byte order mark": b"\xef\xbb\xbf[]",
    "deep nesting": b'[{"Code":"A","More":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
    "something behind": b"[] x",
    "CSV with a line too short": f"{HEADER}\nA,b,c,d,e,f\n".encode(),
    "CSV with a line too long": f"{HEADER}\nA,b,c,d,e,f,g,h\n".encode(),
    "CSV with an unclosed quote": f'{HEADER}\nA,"b,c,d,e,f,g\n'.encode(),
    "CSV with words behind a quote": f'{HEADER}\nA,"b"x,c,d,e,f,g\n'.encode(),
    "CSV with a field beyond measure": f'{HEADER}\nA,"{"x" * 200_000}",c,d,e,f,g\n'.encode(),
    "CSV without its last newline": f"{HEADER}\nA,b,c,d,e,f,g".encode(),
}
NO_ANSWER: dict[str, bytes] = {
    "null": b"null",
    "an object": b"{}",
    "an error": b'{"error":"API rate limit exceeded"}',
    "texts": b'["AAPL"]',
    "no code": b'[{"Name":"Apple Inc"}]',
    "another spelling": b'[{"code":"AAPL"}]',
}


def as_json(*lines: tuple[str | None, ...]) -> bytes:
    """The lines as the vendor's JSON, in the order of the CSV's columns."""
    return json.dumps([dict(zip(KEYS, line, strict=True)) for line in lines]).encode()


def as_csv(*lines: tuple[str, ...]) -> bytes:
    """The lines as the vendor's CSV."""
    text = io.StringIO(f"{HEADER}\n", newline="")
    text.seek(0, io.SEEK_END)
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


@pytest.mark.parametrize("body", [as_json(AAPL), as_csv(AAPL)], ids=["json", "csv"])
def test_a_line_becomes_a_listing(body: bytes) -> None:
    assert decode_symbols(body, "US") == SymbolList((APPLE,), 0)


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_cut_or_neither_json_nor_csv_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenAnswer, match=r"^US: "):
        decode_symbols(body, "US")


@pytest.mark.parametrize("body", NO_ANSWER.values(), ids=NO_ANSWER.keys())
def test_json_of_another_shape_is_no_symbol_list(body: bytes) -> None:
    with pytest.raises(NotAnAnswer, match=r"^US: not a symbol list: "):
        decode_symbols(body, "US")


@pytest.mark.parametrize("body", [b"[]", f"{HEADER}\n".encode()], ids=["json", "csv"])
def test_an_empty_list_is_a_list(body: bytes) -> None:
    assert decode_symbols(body, "US") == SymbolList((), 0)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Apple Inc ", "Apple Inc"),
        ("  Apple   Inc", "Apple   Inc"),
        ("", ""),
        (" ", ""),
        ("AT&T, Inc", "AT&T, Inc"),
        ('The "Best" Fund', 'The "Best" Fund'),
        ("O'Reilly; DROP TABLE assets;--", "O'Reilly; DROP TABLE assets;--"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("L'Or\u00e9al \u4e2d\u56fd \U0001f600", "L'Or\u00e9al \u4e2d\u56fd \U0001f600"),
        ("Air\u00a0Liquide", "Air Liquide"),
        ("two\nlines", "two lines"),
        ("a\ttab", "a tab"),
        ("a\x00NUL", "aNUL"),
        ("\x1b[31mred", "[31mred"),
        ("\u202eright to left", "right to left"),
        ("no\u200bwidth", "nowidth"),
        ("=cmd()", "=cmd()"),
        ("NULL", "NULL"),
        ("x" * 5000, "x" * 5000),
    ],
)
@pytest.mark.parametrize("write", [as_json, as_csv])
def test_a_strange_name_is_ordinary(sent: str, stored: str, write: Callable[..., bytes]) -> None:
    body = write(("A", sent, *AAPL[2:]))
    (listing,) = decode_symbols(body, "US").listings
    assert listing.name == stored


ODD_LINES: dict[str, tuple[bytes, str, str]] = {
    "code a number": (b'{"Code":600000}', "600000", ""),
    "name a number": (b'{"Code":"A","Name":123}', "A", "123"),
    "name with a lone surrogate": (b'{"Code":"A","Name":"x\\ud800"}', "A", "x"),
    "name with a raw NUL": (b'{"Code":"A","Name":"x\x00y"}', "A", "xy"),
    "name with a raw tab": (b'{"Code":"A","Name":"x\ty"}', "A", "x y"),
    "name with a raw line feed": (b'{"Code":"A","Name":"x\ny"}', "A", "x y"),
    "name of latin-1": (b'{"Code":"A","Name":"caf\xe9"}', "A", "caf\ufffd"),
    "an odd key more": (b'{"Code":"A","More":1e999}', "A", ""),
}


@pytest.mark.parametrize(("line", "code", "name"), ODD_LINES.values(), ids=ODD_LINES)
def test_an_odd_line_is_read_for_what_it_says(line: bytes, code: str, name: str) -> None:
    found = decode_symbols(b"[%s,%s]" % (as_json(AAPL)[1:-1], line), "US")
    assert [(each.symbol.code, each.name) for each in found.listings] == [
        ("AAPL", "Apple Inc"),
        (code, name),
    ]
    assert (found.refused, found.refused_codes, found.unread) == (0, frozenset(), 0)


# What each odd line is known by: its code, or nothing.
REFUSED_LINES: dict[str, tuple[bytes, str]] = {
    "name true": (b'{"Code":"A","Name":true}', "A"),
    "name an array": (b'{"Code":"A","Name":["x"]}', "A"),
    "type an object": (b'{"Code":"A","Type":{}}', "A"),
    "a number for a code, a name that is none": (b'{"Code":600000,"Name":[]}', "600000"),
    "a name that is no JSON": (b'{"Code":"A","Name":"\\x41"}', "A"),
    "a number that is no JSON": (b'{"Code" : "A" , "More":01}', "A"),
    "code null": (b'{"Code":null,"Name":"x"}', ""),
    "code true": (b'{"Code":true}', ""),
    "code an array": (b'{"Code":["A"]}', ""),
    "code 000700 as a number": (b'{"Code":000700}', ""),
    "a code with an exponent": (b'{"Code":1e5}', ""),
    "a code with a fraction": (b'{"Code":700.0}', ""),
    "no code": (b'{"Name":"x"}', ""),
    "null": (b"null", ""),
    "a text": (b'"A"', ""),
}


@pytest.mark.parametrize(("line", "code"), REFUSED_LINES.values(), ids=REFUSED_LINES)
def test_a_line_that_cannot_be_read_is_refused_alone(line: bytes, code: str) -> None:
    found = decode_symbols(b"[%s,%s]" % (line, as_json(AAPL)[1:-1]), "US")
    codes = frozenset({code} - {""})
    assert found == SymbolList((APPLE,), 1, codes, unread=int(not code))


def test_a_code_that_another_line_lists_is_not_refused() -> None:
    body = b'[{"Code":"AAPL","Name":[]},%s]' % as_json(AAPL)[1:-1]
    assert decode_symbols(body, "US") == SymbolList((APPLE,), 1)


def test_csv_of_another_encoding_is_read_with_marks() -> None:
    (listing,) = decode_symbols(
        f"{HEADER}\nA,caf\u00e9,c,d,e,f,\n".encode("latin-1"), "US"
    ).listings
    assert listing.name == "caf\ufffd"


def test_what_the_vendor_does_not_know_is_empty() -> None:
    (of_nulls,) = decode_symbols(as_json(("A", *[None] * 6)), "US").listings
    (of_gaps,) = decode_symbols(b'[{"Code":"A"}]', "US").listings
    (of_csv,) = decode_symbols(as_csv(("A", *[""] * 6)), "US").listings
    assert of_nulls == of_gaps == of_csv == Listing(Symbol("A", "US"), *[""] * 6)


@pytest.mark.parametrize(
    "code", ["", " ", "../x", "A/B", "A\\B", "A\x00", "A\nB", "x" * 65, "\u202eA"]
)
@pytest.mark.parametrize("write", [as_json, as_csv])
def test_a_line_whose_code_cannot_be_a_symbol_is_refused_alone(
    code: str, write: Callable[..., bytes]
) -> None:
    body = write((code, *AAPL[1:]), AAPL)
    assert decode_symbols(body, "US") == SymbolList((APPLE,), 1)


def test_a_code_is_listed_once_and_its_repeats_are_counted() -> None:
    other = ("AAPL", "Another Apple", *AAPL[2:])
    symbols = decode_symbols(as_json(other, ("MSFT", *AAPL[1:]), AAPL), "US")
    assert [str(listing.symbol) for listing in symbols.listings] == ["AAPL.US", "MSFT.US"]
    assert (symbols.listings[0], symbols.refused) == (APPLE, 1)


def test_a_code_loses_the_spaces_around_it() -> None:
    assert decode_symbols(as_json((" AAPL ", *AAPL[1:])), "US").listings == (APPLE,)


def test_windows_line_ends_are_line_ends() -> None:
    assert decode_symbols(as_csv(AAPL).replace(b"\n", b"\r\n"), "US").listings == (APPLE,)


@pytest.mark.parametrize("write", [as_json, as_csv])
def test_fifty_thousand_lines_are_ordinary(write: Callable[..., bytes]) -> None:
    lines = [(f"C{n}", f'"{n}", Inc', *AAPL[2:]) for n in range(50_000)]
    symbols = decode_symbols(write(*lines), "US")
    assert symbols.refused == 0
    assert [(s.symbol.code, s.name) for s in symbols.listings] == [line[:2] for line in lines]


def test_no_proper_prefix_of_a_json_list_is_a_list() -> None:
    body = as_json(AAPL, ("A", "b", *AAPL[2:]))
    for length in range(len(body)):
        with pytest.raises(BrokenAnswer):
            decode_symbols(body[:length], "US")


def test_a_csv_list_that_is_cut_within_a_line_is_broken() -> None:
    """Between two lines nothing shows the cut: the engine asks for JSON."""
    body = as_csv(AAPL, ("B", 'two\n"lines"', *AAPL[2:]), ("C", "c", *AAPL[2:]))
    accepted = []
    for length in range(len(body)):
        try:
            accepted.append((length, len(decode_symbols(body[:length], "US").listings)))
        except BrokenAnswer:
            continue
    ends = [m.end() for m in re.finditer(rb"(Isin|US0378331005)\n", body)]
    assert accepted == [(end, n) for n, end in enumerate(ends[:-1])]


@settings(max_examples=300)
@given(
    at=st.integers(0, 400),
    length=st.integers(0, 9),
    splice=st.binary(max_size=5),
    is_csv=st.booleans(),
)
def test_a_damaged_list_is_refused_by_name_or_can_be_stored(
    *, at: int, length: int, splice: bytes, is_csv: bool
) -> None:
    body = (as_csv if is_csv else as_json)(AAPL, ("B", 'two\n"lines"', *AAPL[2:]))
    at %= len(body) + 1
    try:
        listings = decode_symbols(body[:at] + splice + body[at + length :], "US").listings
    except NexusError:
        return
    for listing in listings:
        texts = [str(listing.symbol), listing.name, listing.venue, listing.isin]
        assert all(text.isprintable() for text in texts)


def test_a_list_of_exchanges_keeps_what_can_be_read() -> None:
    """The vendor sends null for a MIC, a blank after a currency, and rows without a code."""
    sent = [
        {"Name": "USA Stocks", "Code": "US", "OperatingMIC": "XNAS, XNYS", "Country": "USA"}
        | {"Currency": "USD", "CountryISO2": "US"},
        {"Name": "Rwanda\u0000", "Code": "RSE", "OperatingMIC": None, "Currency": "RWF "},
        {"Name": "odd", "Code": {"not": "a code"}},
        {"Name": "no code"},
        None,
    ]
    assert decode_exchanges(json.dumps(sent).encode()) == (
        ListedExchange("US", "USA Stocks", "USA", "USD", "XNAS, XNYS"),
        ListedExchange("RSE", "Rwanda", "", "RWF", ""),
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", BrokenAnswer),
        (b'[{"Code": "US"', BrokenAnswer),
        (b"{}", NotAnAnswer),
        (b'[{"code": "US"}]', NotAnAnswer),
    ],
)
def test_what_is_no_list_of_exchanges_is_refused(body: bytes, error: type[NexusError]) -> None:
    with pytest.raises(error, match="exchanges"):
        decode_exchanges(body)
