"""Encode bars in PostgreSQL's binary formats: as rows of a COPY, or as arrays of a statement.

A row of `market_data` has a fixed width, so that a numpy record array *is* the wire format:
field count, then each field with its length, all big-endian (PostgreSQL manual, COPY, "Binary
Format"). Five thousand bars are encoded in eight assignments. An array is its dimensions and then
each element behind its length (PostgreSQL's `array_recv`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from data_nexus.database.connection import EPOCH_DAY, AsyncConn
from data_nexus.domain.bars import AssetBars, Bars, Days, Floats, Ids, Mask

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
_COLUMNS = (
    ("asset_id", ">i4"),
    ("date", ">i4"),
    ("open", ">f8"),
    ("high", ">f8"),
    ("low", ">f8"),
    ("close", ">f8"),
    ("adjusted_close", ">f8"),
    ("volume", ">f8"),
)
_ROW = np.dtype(
    [("fields", ">i2")]
    + [part for name, kind in _COLUMNS for part in ((f"{name}_size", ">i4"), (name, kind))]
)


def framed(rows: Iterable[bytes]) -> bytes:
    """Return encoded rows as a whole binary COPY, with header and trailer."""
    return b"".join((HEADER, *rows, TRAILER))


def encode_bars(asset_id: int | Ids, bars: Bars) -> bytes:
    """Return bars as rows of a binary COPY, without header and trailer.

    They are one asset's, or each of an asset of its own.
    """
    rows = np.empty(len(bars), _ROW)
    rows["fields"] = len(_COLUMNS)
    for name, kind in _COLUMNS:
        rows[f"{name}_size"] = np.dtype(kind).itemsize
    rows["asset_id"] = asset_id
    rows["date"] = bars.date - EPOCH_DAY
    for name, _ in _COLUMNS[2:]:
        rows[name] = getattr(bars, name)
    return rows.tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class _Packed:
    """An array parameter, ready to be sent."""

    body: bytes


class _Integers(_Packed):
    """An array of `int`."""


class _Dates(_Packed):
    """An array of `date`."""


class _Numbers(_Packed):
    """An array of `double precision`."""


class _Truths(_Packed):
    """An array of `boolean`."""


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Packed) -> Buffer:
        return obj.body


class _IntegersDumper(_Dumper):
    oid = 1007


class _DatesDumper(_Dumper):
    oid = 1182


class _NumbersDumper(_Dumper):
    oid = 1022


class _TruthsDumper(_Dumper):
    oid = 1000


Parameters = dict[str, _Packed]
_DUMPERS = {
    _Integers: _IntegersDumper,
    _Dates: _DatesDumper,
    _Numbers: _NumbersDumper,
    _Truths: _TruthsDumper,
}


def accept_arrays(connection: AsyncConn) -> None:
    """Let a connection's statements take what this module packs."""
    for kind, dumper in _DUMPERS.items():
        connection.adapters.register_dumper(kind, dumper)


def packed_ids(asset_ids: Ids) -> _Packed:
    """Return numbers of assets as an array."""
    return _Integers(_encoded(asset_ids, ">i4", 23))


def packed_dates(days: Days) -> _Packed:
    """Return days since 1970-01-01 as an array of dates."""
    return _Dates(_encoded(days - EPOCH_DAY, ">i4", 1082))


def packed_numbers(numbers: Floats) -> _Packed:
    """Return numbers as an array."""
    return _Numbers(_encoded(numbers, ">f8", 701))


def packed_truths(truths: Mask) -> _Packed:
    """Return truth values as an array."""
    return _Truths(_encoded(truths, "?", 16))


def key_parameters(rows: AssetBars) -> Parameters:
    """Return the assets and dates of bars as `asset_ids` and `dates`."""
    return {"asset_ids": packed_ids(rows.asset_id), "dates": packed_dates(rows.bars.date)}


def bar_parameters(rows: AssetBars) -> Parameters:
    """Return bars as `asset_ids`, `dates` and an array a column of numbers, by its name."""
    return key_parameters(rows) | {
        name: packed_numbers(getattr(rows.bars, name)) for name in Bars.__slots__[1:]
    }


def _encoded(values: Ids | Days | Floats | Mask, kind: str, element_oid: int) -> bytes:
    """Return an array of one dimension whose first index is 1, without NULL."""
    header = np.array([1, 0, element_oid, len(values), 1] if len(values) else [0, 0, element_oid])
    elements = np.empty(len(values), [("size", ">i4"), ("value", kind)])
    elements["size"] = np.dtype(kind).itemsize
    elements["value"] = values
    return header.astype(">i4").tobytes() + elements.tobytes()
