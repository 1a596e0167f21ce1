"""Whatever a symbol says, its file stays in its folder, and its cell is no formula."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.symbol import Symbol, is_code
from data_nexus.research.exports.lean import ticker_of
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.tables import cells

HOSTILE = (
    *("../x", "..", ".", "", "a/b", "a\\b", "C:", "CON", "con.US", "nul", "LPT1.txt", "COM¹"),
    *(
        "=cmd()",
        "a\nb",
        "a\0b",
        "A" * 300,
        "ÄÖ",
        "\uff21",
        "x ",
        "x.",
        " x",
        "~",
        "-rf",
        "\U0001d538",
        "\ud800",
    ),
)
DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{port}{n}" for port in ("COM", "LPT") for n in range(10)
}
# Pieces of what makes names dangerous, so that they meet more often than by chance.
TEXTS = st.one_of(
    st.text(max_size=400),
    st.sampled_from(HOSTILE),
    st.lists(
        st.sampled_from(
            ["A", "a", "Z9", ".", "-", "_", "~", "/", "CON", "nul", "\0", "ß", "İ", "\u017f"]
        ),
        max_size=6,
    ).map("".join),
)

# What PostgreSQL and Arrow can hold: no half of a character.
ENCODABLE = TEXTS.filter(lambda text: text.isascii() or "\ud800" not in text)


def is_harmless(name: str) -> bool:
    """One file's name on POSIX, Windows and macOS, and nothing else."""
    parts = {PurePosixPath(name).parts, PureWindowsPath(f"{name}.csv").parts}
    return (
        re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.~-]*", name) is not None
        and parts == {(name,), (f"{name}.csv",)}
        and name.partition(".")[0].upper() not in DEVICES
        and not name.endswith(".")
        and len(name) <= 64
    )


@given(TEXTS)
def test_a_name_is_harmless_everywhere(text: str) -> None:
    assert is_harmless(file_name(text))


@given(TEXTS, TEXTS)
def test_two_symbols_never_share_a_name_whatever_the_disc_ignores(one: str, other: str) -> None:
    assert (file_name(one).casefold() == file_name(other).casefold()) is (one == other)


@given(st.text("aAbB.-", max_size=4), st.text("aAbB.-", max_size=4))
def test_symbols_that_differ_in_case_only_have_names_that_differ(one: str, other: str) -> None:
    assert (file_name(one).lower() == file_name(other).lower()) is (one == other)


@pytest.mark.parametrize("text", ["AAPL.US", "BRK-B.US", "0700.HK", "A"])
def test_an_ordinary_symbol_is_its_own_name(text: str) -> None:
    assert file_name(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_symbol_is_its_own_name(text: str) -> None:
    assert file_name(text) != text


@given(TEXTS)
def test_lean_s_tickers_are_harmless_too(text: str) -> None:
    assert is_harmless(ticker_of(text, "US"))


def cell(text: str) -> str:
    """The cell of a text."""
    (made,) = cells(pa.array([text], pa.string())).to_pylist()
    return str(made)


@given(ENCODABLE)
def test_no_cell_is_a_formula_and_each_gives_its_text_back(text: str) -> None:
    made = cell(text)
    assert made[:1] not in tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
    assert made.removeprefix("'") == text


@given(TEXTS.filter(is_code))
def test_a_symbol_of_the_database_is_no_formula_either(code: str) -> None:
    assert cell(str(Symbol(code, "US")))[0] not in "=+-@"
