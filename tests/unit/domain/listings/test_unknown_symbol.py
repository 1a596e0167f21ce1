"""A symbol that is not there is answered with near names, or with what to discover."""

from __future__ import annotations

from data_nexus.domain.listings.unknown_symbol import not_discovered, unknown_symbol
from data_nexus.domain.symbol import Symbol, parse_symbols


def test_an_unknown_symbol_is_answered_with_near_names_or_the_remedy() -> None:
    near = unknown_symbol(Symbol("APL", "US"), ["AAPL", "MSFT"], "database", "run: x")
    assert str(near) == "APL.US is not in the database; did you mean AAPL.US?"
    far = unknown_symbol(Symbol("APL", "US"), ["MSFT"], "database", "run: x")
    assert str(far) == "APL.US is not in the database; run: x"
    assert str(unknown_symbol(Symbol("APL", "US"), [], "snapshot")) == (
        "APL.US is not in the snapshot"
    )


def test_small_letters_are_near_to_capitals() -> None:
    near = unknown_symbol(Symbol("apl", "US"), ["AAPL", "MSFT"], "database", "run: x")
    assert str(near) == "apl.US is not in the database; did you mean AAPL.US?"


def test_what_is_to_be_discovered_is_named_by_its_exchanges() -> None:
    first = str(not_discovered(parse_symbols(["A.XX"]), []))
    assert first == (
        "A.XX is not in the database, nor is any other asset of XX;"
        " run: nexus discover --exchange XX"
    )
    several = str(not_discovered(parse_symbols(["A.XX,B.YY,C.XX,D.XX", "E.XX,F.XX,G.XX"]), []))
    assert several == (
        "not in the database: A.XX, B.YY, C.XX, D.XX, E.XX and 2 more;"
        " run: nexus discover --exchange XX --exchange YY"
    )
    there = str(not_discovered(parse_symbols(["A.XX", "B.XX"]), ["C"]))
    assert there == (
        "not in the database: A.XX, B.XX; leave them out, or run: nexus discover --exchange XX"
    )
