"""Names at the border: what is not a symbol is refused, what is one cannot escape its path."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from data_nexus.domain.symbol import Symbol, exchange_code, is_code, parse_symbol, parse_symbols
from data_nexus.eodhd.requests import history_request
from data_nexus.errors import UsageError
from tests.unit.eodhd.answers import WINDOW

CODES = st.text(min_size=1, max_size=64).filter(is_code)
SYMBOLS = st.builds(Symbol, CODES, st.from_regex(r"[A-Z0-9]{1,16}", fullmatch=True))
LIKE_SYMBOLS = st.text(max_size=20) | st.text("./\\%?#A\x00\n\u202e ", max_size=20).map(
    "{}.US".format
)
ONE_SEGMENT = re.compile(r"/eod/[A-Za-z0-9_.~%-]+")


@pytest.mark.parametrize(
    ("text", "code", "exchange"),
    [
        ("AAPL.US", "AAPL", "US"),
        (" AAPL.US\n", "AAPL", "US"),
        ("AAPL.us", "AAPL", "US"),
        ("BRK-B.US", "BRK-B", "US"),
        ("BTC-USD.CC", "BTC-USD", "CC"),
        ("0700.HK", "0700", "HK"),
        ("A.B.US", "A.B", "US"),
        ("F.US", "F", "US"),
        ("GM_old.US", "GM_old", "US"),
    ],
)
def test_a_symbol_is_a_code_a_dot_and_an_exchange(text: str, code: str, exchange: str) -> None:
    assert parse_symbol(text) == Symbol(code, exchange)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "AAPL",
        "AAPL.",
        ".US",
        "..US",
        "...US",
        "../../etc/passwd.US",
        "..\\..\\boot.ini.US",
        "..%2f..%2fetc.US",
        "%2e%2e.US",
        "/etc/passwd.US",
        "C:\\x.US",
        "A/../B.US",
        "AAPL.US/../../user",
        "AAPL.US?fmt=csv",
        "AAPL?x=1.US",
        "AAPL#x.US",
        "AA\x00PL.US",
        "AA\tPL.US",
        "AA\nPL.US",
        "AA\r\nX-Header: 1.US",
        "AA\x1b[31mPL.US",
        "AA\x7fPL.US",
        "\u202eLPAA.US",  # written from right to left
        "AA\u200bPL.US",  # a space of no width
        "AA\u2028PL.US",
        "AA\u00a0PL.US",
        "AA\ud800PL.US",
        "A" * 65 + ".US",
        "A" * 4096 + ".US",
        "AAPL.U S",
        "AAPL.\u0398\u03a3",
        "AAPL." + "U" * 17,
    ],
)
def test_what_could_leave_a_path_a_line_or_a_file_name_is_no_symbol(text: str) -> None:
    with pytest.raises(UsageError, match=r"not a symbol|not an exchange code"):
        parse_symbol(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("BRK-B.US", "/eod/BRK-B.US"),
        ("M&M.NSE", "/eod/M%26M.NSE"),
        ("^SPX.INDX", "/eod/%5ESPX.INDX"),
        ("A+B.US", "/eod/A%2BB.US"),
        ("CON.US", "/eod/CON.US"),
        ("=cmd().US", "/eod/%3Dcmd%28%29.US"),
        ("'; DROP TABLE assets;--.US", "/eod/%27%3B%20DROP%20TABLE%20assets%3B--.US"),
        ('"><img onerror=x>.US', "/eod/%22%3E%3Cimg%20onerror%3Dx%3E.US"),
        ("\u0410APL.US", "/eod/%D0%90APL.US"),  # a Cyrillic letter
    ],
)
def test_a_strange_code_is_percent_encoded(text: str, path: str) -> None:
    assert history_request(parse_symbol(text), WINDOW).path == path


@given(SYMBOLS)
def test_a_symbol_reads_back_as_it_was_written(symbol: Symbol) -> None:
    assert parse_symbol(str(symbol)) == symbol


@given(SYMBOLS)
def test_a_symbol_is_one_segment_of_its_path_and_no_other(symbol: Symbol) -> None:
    path = history_request(symbol, WINDOW).path
    assert ONE_SEGMENT.fullmatch(path)
    assert unquote(path.removeprefix("/eod/")) == str(symbol)
    assert URL(f"https://eodhd.com/api{path}", encoded=True).raw_path == f"/api{path}"


@given(LIKE_SYMBOLS)
def test_any_text_is_a_symbol_that_reads_back_or_is_refused(text: str) -> None:
    try:
        symbol = parse_symbol(text)
    except UsageError:
        return
    assert parse_symbol(str(symbol)) == symbol
    assert str(symbol).isprintable()
    assert ONE_SEGMENT.fullmatch(history_request(symbol, WINDOW).path)


@pytest.mark.parametrize(("text", "code"), [("US", "US"), (" lse\n", "LSE"), ("xetra", "XETRA")])
def test_an_exchange_is_written_in_capitals(text: str, code: str) -> None:
    assert exchange_code(text) == code


@pytest.mark.parametrize(
    "text",
    ["", " ", "U S", "../x", "US\x00", "US.", "U" * 17, "\u00dcS", "\u00df", "\ufb01", "\u0131"],
)
def test_what_is_no_exchange_is_refused_even_if_its_capitals_were_one(text: str) -> None:
    with pytest.raises(UsageError, match="not an exchange code"):
        exchange_code(text)


def test_symbols_sort_by_code() -> None:
    symbols = [Symbol("MSFT", "US"), Symbol("AAPL", "US"), Symbol("AAPL", "LSE")]
    assert [str(s) for s in sorted(symbols)] == ["AAPL.LSE", "AAPL.US", "MSFT.US"]


def test_texts_with_commas_are_taken_apart_unless_a_code_holds_one() -> None:
    both = [Symbol("AAPL", "US"), Symbol("MSFT", "US")]
    assert parse_symbols(["AAPL.US,MSFT.US,", " AAPL.us "]) == both
    assert parse_symbols(["=cmd(),x.US"]) == [Symbol("=cmd(),x", "US")]
    for text in ("", ",", "AAPL,MSFT"):
        with pytest.raises(UsageError, match="not a symbol"):
            parse_symbols([text])


@pytest.mark.parametrize(
    "text", ["A.US,B.US", "A.US; B.US", "A.US B.US", "A.US\nB.US,", " A.US\tB.US"]
)
def test_several_in_one_text_are_taken_apart(text: str) -> None:
    assert parse_symbols([text]) == [Symbol("A", "US"), Symbol("B", "US")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "US0378331005",
            "an ISIN: 'US0378331005'; find its symbols: nexus assets --search US0378331",
        ),
        ("aapl", "like AAPL.US"),
        (",", "like AAPL.US"),
        ("A.US;B", "like US, LSE or XETRA"),
    ],
)
def test_what_is_none_is_answered_with_what_was_meant(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_symbols([text])
    assert said in str(refused.value)
