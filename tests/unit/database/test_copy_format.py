"""Bars go into a binary COPY byte for byte as PostgreSQL's manual describes it."""

from __future__ import annotations

import datetime as dt
import struct

from hypothesis import given
from hypothesis import strategies as st

from data_nexus.database.store.copy_format import HEADER, TRAILER, encode_bars
from tests.unit.eodhd.answers import Record, bars_of

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
DATES = st.dates(dt.date(1700, 1, 1), dt.date(2100, 1, 1))
ROWS = st.lists(st.tuples(DATES, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=5)


def packed(asset_id: int, day: dt.date, *numbers: float) -> bytes:
    """One row: the count of its fields, then each field's size and value, big-endian."""
    since_2000 = (day - dt.date(2000, 1, 1)).days
    fields = b"".join(struct.pack(">id", 8, number) for number in numbers)
    return struct.pack(">hiiii", 8, 4, asset_id, 4, since_2000) + fields


@given(asset_id=st.integers(1, 2**31 - 1), rows=ROWS)
def test_the_bytes_are_those_of_the_manual(asset_id: int, rows: list[Record]) -> None:
    expected = b"".join(packed(asset_id, *row) for row in rows)  # type: ignore[arg-type]
    assert encode_bars(asset_id, bars_of(*rows)) == expected


def test_the_stream_opens_with_the_signature_and_ends_with_minus_one() -> None:
    assert b"PGCOPY\n\377\r\n\0" + struct.pack(">ii", 0, 0) == HEADER
    assert struct.pack(">h", -1) == TRAILER
