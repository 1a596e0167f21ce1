"""All bars of a database or a vendor as sorted columns, and how two of them differ.

In numpy, so that some ten thousand rows can be compared every night of a year.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray

from tests.support.vendor.truth import COLUMNS

_DAY_BITS = 20
_DAY_MASK = (1 << _DAY_BITS) - 1
_EPOCH_2000 = 10_957
_HEADER_BYTES = 19
_ROW = np.dtype(
    [("fields", ">i2"), ("n0", ">i4"), ("asset_id", ">i4"), ("n1", ">i4"), ("day", ">i4")]
    + [part for name in COLUMNS for part in ((f"n_{name}", ">i4"), (name, ">f8"))]
)
_STORED = f"SELECT asset_id, date, {', '.join(COLUMNS)} FROM market_data"  # noqa: S608 - our own


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Bars: a key of asset and day, ascending, and the six numbers of each."""

    keys: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def asset_ids(self) -> NDArray[np.int64]:
        """The asset of each row."""
        return self.keys >> _DAY_BITS

    @property
    def days(self) -> NDArray[np.int64]:
        """The day of each row, counted from 1970-01-01."""
        return self.keys & _DAY_MASK

    def chosen(self, which: NDArray[np.bool_]) -> Rows:
        """Some of the rows."""
        return Rows(self.keys[which], self.values[which])

    def of(self, asset_ids: Collection[int]) -> Rows:
        """The rows of some assets."""
        return self.chosen(np.isin(self.asset_ids, list(asset_ids)))

    def without(self, asset_ids: Collection[int]) -> Rows:
        """The rows of the other assets."""
        return self.chosen(~np.isin(self.asset_ids, list(asset_ids)))

    def and_also(self, others: Rows) -> Rows:
        """These rows and others, which are none of these."""
        return _sorted(
            np.concatenate((self.keys, others.keys)), np.concatenate((self.values, others.values))
        )

    def last_days(self) -> dict[int, int]:
        """The last day of each asset."""
        return dict(zip(self.asset_ids.tolist(), self.days.tolist(), strict=True))

    def where(self, keys: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where each key stands here; -1 where it does not."""
        at = np.searchsorted(self.keys, keys)
        found = np.append(self.keys, -1)[at] == keys
        return np.where(found, at, -1)


def key(asset_id: int, day: int) -> int:
    """The key of an asset's bar of a day."""
    return asset_id << _DAY_BITS | day


def stored_rows(url: str) -> Rows:
    """All bars that the database holds."""
    statement = f"COPY ({_STORED}) TO STDOUT (FORMAT BINARY)"
    with psycopg.connect(url) as connection, connection.cursor().copy(statement) as copy:
        body = b"".join(copy)
    table = np.frombuffer(body[_HEADER_BYTES:-2], _ROW)
    days = table["day"].astype(np.int64) + _EPOCH_2000
    return _sorted(
        table["asset_id"].astype(np.int64) << _DAY_BITS | days,
        np.column_stack([table[name].astype(np.float64) for name in COLUMNS]),
    )


def served_rows(bars: pa.Table, book: Mapping[str, int]) -> Rows:
    """All bars that the vendor serves of the symbols in a book of assets."""
    symbols = bars["symbol"].combine_chunks().dictionary_encode()
    ids = np.array([book.get(name, -1) for name in symbols.dictionary.to_pylist()], np.int64)
    owners = ids[symbols.indices.to_numpy()]
    days = bars["date"].combine_chunks().cast(pa.int32()).to_numpy().astype(np.int64)
    values = np.column_stack([bars[name].to_numpy() for name in COLUMNS])
    known = owners >= 0
    return _sorted((owners << _DAY_BITS | days)[known], values[known])


def changed(before: Rows, after: Rows) -> Rows:
    """The rows of `before` that have other values in `after`."""
    at = after.where(before.keys)
    differs = (at >= 0) & (before.values != after.values[at]).any(axis=1)
    return before.chosen(differs)


def differing(expected: Rows, found: Rows) -> dict[str, list[tuple[int, str]]]:
    """What of the expected rows is lost or changed, and what is there without cause."""
    if np.array_equal(expected.keys, found.keys) and np.array_equal(expected.values, found.values):
        return {}
    parts = {
        "lost": expected.keys[found.where(expected.keys) < 0],
        "changed": changed(expected, found).keys,
        "invented": found.keys[expected.where(found.keys) < 0],
    }
    return {name: [_told(each) for each in keys] for name, keys in parts.items() if len(keys)}


def _told(one: int) -> tuple[int, str]:
    return int(one >> _DAY_BITS), str(np.datetime64(int(one & _DAY_MASK), "D"))


def _sorted(keys: NDArray[np.int64], values: NDArray[np.float64]) -> Rows:
    order = np.argsort(keys, kind="stable")
    return Rows(keys[order], values[order])
