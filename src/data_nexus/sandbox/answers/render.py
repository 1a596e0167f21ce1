"""Render as the vendor does: numbers, bars as JSON and CSV, documents, compression. Pure.

Numbers have no trailing zeros, and whole ones no point (recordings), which is also the shortest
text that parses back to the same float.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import igzip, isal_zlib

from data_nexus.sandbox.market.tape import FIELDS, Bars, Floats

JSON = "application/json"
HTML = "text/html; charset=UTF-8"
CSV = "application/csv"

EOD_HEADER = b"Date,Open,High,Low,Close,Adjusted_close,Volume\n"
# Made once: PyArrow looks for pandas, which is slow, whenever it is given a plain str.
_NOTHING = pa.scalar("")
_JSON_PIECES = [
    pa.scalar(text)
    for text in ('{"date":"', '","open":', *(f',"{name}":' for name in FIELDS[1:]), "}")
]
_CSV_PIECES = [pa.scalar(text) for text in ("", *"," * len(FIELDS), "\n")]
# Beyond these, texts of floats fall back to an exponent, which the vendor does not use.
_PLAIN_LEAST, _PLAIN_MOST = 1e-5, 1e10

QUOTE = '"'
_QUOTED = re.compile(r'[\s,"\\]')


def number(value: float | None) -> float | int | None:
    """A number as JSON should show it: an int if it is whole, null for None and NaN."""
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return None
    return int(value) if value == int(value) else float(value)


def document(content: object, *, escaped: bool = True) -> bytes:
    """A JSON document as PHP writes it: no spaces; slashes and letters beyond ASCII escaped.

    Only the recordings of symbol lists are not escaped.
    """
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=escaped)
    return (text.replace("/", "\\/") if escaped else text).encode()


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV with LF line ends; text with a blank is quoted, a missing value is empty (recordings)."""
    return "".join(f"{','.join(map(_field, row))}\n" for row in (header, *rows)).encode()


def _field(value: object) -> str:
    """One CSV field, quoted where PHP's `fputcsv` quotes, also for blanks."""
    text = "" if value is None else str(value)
    return f'"{text.replace(QUOTE, QUOTE * 2)}"' if _QUOTED.search(text) else text


def bars_json(bars: Bars) -> bytes:
    """Bars as the vendor's JSON: one array, a row an object, keys in the recorded order."""
    return b"[" + _rows(bars, _JSON_PIECES, "null", ",") + b"]"


def bars_csv(bars: Bars) -> bytes:
    """Bars as the vendor's CSV, header included, a line feed after every row."""
    return EOD_HEADER + _rows(bars, _CSV_PIECES, "", "")


def packed(body: bytes) -> bytes:
    """The body as one gzip member, compressed fast rather than well."""
    return igzip.compress(body, compresslevel=1, mtime=0)


def unpacked(body: bytes) -> bytes:
    """The body of what `packed` made."""
    return isal_zlib.decompress(body, wbits=31)


def _rows(bars: Bars, pieces: list[pa.Scalar], missing: str, separator: str) -> bytes:
    """Each row's values between the pieces of text, and the rows joined."""
    dates = pc.cast(pa.array(bars.date, type=pa.date32()), pa.string())
    columns = [dates, *(_numbers(getattr(bars, name), missing) for name in FIELDS)]
    between = [part for pair in zip(pieces, columns, strict=False) for part in pair]
    rows = pc.binary_join_element_wise(*between, pieces[-1], _NOTHING)
    whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    joined: bytes = pc.binary_join(whole, separator)[0].as_buffer().to_pybytes()
    return joined


def _numbers(values: Floats, missing: str) -> pa.Array:
    column = _nullable(values)
    whole = bool((np.mod(values, 1) == 0).all()) if len(values) else True
    if whole:
        column = pc.cast(column, pa.int64())
    texts = pc.cast(column, pa.string())
    if not whole:
        texts = _without_exponents(values, texts)
    return pc.fill_null(texts, missing) if column.null_count else texts


def _nullable(values: Floats) -> pa.Array:
    absent = np.isnan(values)
    return pa.array(values + 0.0, mask=absent if absent.any() else None)


def _without_exponents(values: Floats, texts: pa.Array) -> pa.Array:
    size = np.abs(values)
    odd = np.flatnonzero((size >= _PLAIN_MOST) | ((size < _PLAIN_LEAST) & (size > 0)))
    if not len(odd):
        return texts
    listed = texts.to_pylist()
    for row in odd:
        listed[row] = np.format_float_positional(values[row], trim="-")
    return pa.array(listed, type=pa.string())
