"""The errors for a symbol or a watchlist that is not there: they name what may be meant. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError

_MOST_NAMED = 5


def unknown_symbol(
    symbol: Symbol, codes: Sequence[str], store: str, remedy: str = ""
) -> UsageError:
    """Return the error for a symbol that a store lacks, with near names among the exchange's codes.

    Without any, the error ends with the remedy.
    """
    spellings = {symbol.code, symbol.code.upper()}
    near = [name for code in spellings for name in difflib.get_close_matches(code, codes, n=3)]
    names = ", ".join(f"{code}.{symbol.exchange}" for code in dict.fromkeys(near[:3]))
    hint = f"did you mean {names}?" if near else remedy
    return UsageError("; ".join(filter(None, (f"{symbol} is not in the {store}", hint))))


def not_discovered(unknown: Sequence[Symbol], codes: Sequence[str]) -> UsageError:
    """Return the error for symbols that the database lacks.

    `codes` are those of the first one's exchange. Of several it names the first ones, and how many
    more there are.
    """
    first = unknown[0]
    if len(unknown) == 1:
        store = "database" if codes else f"database, nor is any other asset of {first.exchange}"
        return unknown_symbol(first, codes, store, f"run: {_discover([first])}")
    named = ", ".join(map(str, unknown[:_MOST_NAMED]))
    more = len(unknown) - _MOST_NAMED
    others = f" and {more:,} more" if more > 0 else ""
    leave = "leave them out, or " if codes else ""
    return UsageError(f"not in the database: {named}{others}; {leave}run: {_discover(unknown)}")


def no_members(watchlist: str, names: Sequence[str]) -> UsageError:
    """Return the error for a watchlist without assets, or that is none of the `names` there are."""
    if watchlist in names:
        return UsageError(
            f"the watchlist {watchlist} is empty; run: nexus watchlist add {watchlist} AAPL.US"
        )
    near = difflib.get_close_matches(watchlist, names, n=3)
    if near:
        return UsageError(f"there is no watchlist {watchlist}; did you mean {', '.join(near)}?")
    there = ", ".join(names) or "none yet; run: nexus watchlist create NAME --file symbols.txt"
    return UsageError(f"there is no watchlist {watchlist}; there are: {there}")


def _discover(symbols: Iterable[Symbol]) -> str:
    exchanges = dict.fromkeys(symbol.exchange for symbol in symbols)
    return "nexus discover " + " ".join(f"--exchange {each}" for each in exchanges)
