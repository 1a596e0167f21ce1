"""A reader's words mean the same to the database and to a snapshot."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from data_nexus.research.selection import (
    ExchangeDay,
    exchange_day,
    members_of,
    symbols_of,
    texts_of,
    unknown_member,
)


@pytest.mark.parametrize(
    ("selection", "meaning"),
    [
        ("US@2019-06-28", ExchangeDay("US", date(2019, 6, 28))),
        (["us@2019-06-28"], ExchangeDay("US", date(2019, 6, 28))),
        ("US@", ExchangeDay("US", None)),
        ("A@B.US", None),
        (["US@2019-06-28", "AAPL.US"], None),
        ([], None),
        (pa.table({"asset_id": [1], "symbol": ["A.US"]}), None),
    ],
)
def test_an_exchange_and_a_day_are_one_word_with_an_at_sign(
    selection: str | list[str] | pa.Table, meaning: ExchangeDay | None
) -> None:
    assert exchange_day(selection) == meaning


def test_what_is_not_a_date_is_refused() -> None:
    with pytest.raises(UsageError, match="not a date: 'soon'; write it like US@2019-06-28"):
        exchange_day("US@soon")


def test_a_symbol_counts_once_and_keeps_its_place() -> None:
    assert symbols_of(["B.US", "A.US", " B.us"]) == [Symbol("B", "US"), Symbol("A", "US")]
    assert symbols_of("A.US") == [Symbol("A", "US")]


def test_a_universe_names_its_assets() -> None:
    assert members_of(pa.table({"asset_id": [2, 1], "symbol": ["B.US", "A.US"]})) == {
        2: "B.US",
        1: "A.US",
    }
    with pytest.raises(UsageError, match="not a universe"):
        members_of(pa.table({"asset_id": [1]}))


def test_a_universe_of_another_store_is_refused_by_its_asset() -> None:
    assert str(unknown_member(7, "snapshot")).startswith(
        "asset 7 of the universe is not in the snapshot"
    )


@pytest.mark.parametrize(
    "given",
    [
        ["A.US", "B.US"],
        ("A.US", "B.US"),
        (text for text in ("A.US", "B.US")),
        pa.chunked_array([["A.US"], ["B.US"]]),
        pd.Series(["A.US", "B.US"]),
        "A.US,B.US",
    ],
)
def test_symbols_are_any_texts_that_a_notebook_has(given: Any) -> None:  # noqa: ANN401
    assert symbols_of(texts_of(given)) == [Symbol("A", "US"), Symbol("B", "US")]


@pytest.mark.parametrize("given", [None, 5, [None], ["A.US", 5], pd.DataFrame({"symbol": []})])
def test_what_is_no_texts_is_named_by_its_type(given: Any) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match=f"not symbols: {type(given).__name__}; give 'AAPL.US'"):
        symbols_of(given)
