"""Resolve what a reader asks for: symbols, an exchange on a day, or a universe. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import pyarrow as pa

from data_nexus.domain.symbol import Symbol, exchange_code, parse_symbols
from data_nexus.errors import UsageError

# `"AAPL.US"`, several of them, `"US@2019-06-28"`, or a table of `read_universe`.
Selection: TypeAlias = "str | Sequence[str] | pa.Table"


@dataclass(frozen=True, slots=True)
class ExchangeDay:
    """All assets listed on an exchange on a day; `day` is None for the latest one."""

    exchange: str
    day: date | None


def exchange_day(selection: Selection) -> ExchangeDay | None:
    """Return what `US@2019-06-28` or `US@` means; None for any other selection.

    Raises `UsageError` for what is not a date.
    """
    if isinstance(selection, pa.Table):
        return None
    texts = texts_of(selection)
    if len(texts) != 1 or "@" not in texts[0] or "." in texts[0]:
        return None
    exchange, _, day = texts[0].partition("@")
    try:
        return ExchangeDay(exchange_code(exchange), date.fromisoformat(day) if day else None)
    except ValueError:
        raise UsageError(f"not a date: {day!r}; write it like US@2019-06-28") from None


def symbols_of(selection: str | Sequence[str]) -> list[Symbol]:
    """Return the symbols of a selection, each once, in the order given.

    Raises `UsageError` for what `texts_of` refuses.
    """
    return parse_symbols(texts_of(selection))


def texts_of(selection: object) -> list[str]:
    """Return one text or several as a list; a column of a table is several.

    Raises `UsageError` for anything else that a notebook has at hand.
    """
    if isinstance(selection, str):
        return [selection]
    column = getattr(selection, "to_pylist", None)
    given = column() if column else selection
    # Of a frame of pandas the names of its columns would be taken for symbols.
    if isinstance(given, Iterable) and not hasattr(given, "columns"):
        texts = [*given]
        if all(isinstance(each, str) for each in texts):
            return texts
    raise UsageError(
        f"not symbols: {type(selection).__name__}; give 'AAPL.US', a list of such texts, or a table"
        " of db.assets() or db.universe()"
    )


def members_of(universe: pa.Table) -> dict[int, str]:
    """Return the symbol of each asset of a universe, by asset; raise `UsageError` if it is none."""
    if not {"asset_id", "symbol"} <= set(universe.column_names):
        raise UsageError("not a universe: the table needs the columns asset_id and symbol")
    both = (universe[name].to_pylist() for name in ("asset_id", "symbol"))
    return dict(zip(*both, strict=True))


def unknown_member(asset_id: int, store: str) -> UsageError:
    """Return the error for an asset of a universe that a store lacks."""
    return UsageError(
        f"asset {asset_id} of the universe is not in the {store}; read a new universe from it"
    )
