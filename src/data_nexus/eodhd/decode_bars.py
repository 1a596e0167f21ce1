"""Decode an eod answer: bytes become `Bars`, or a typed error. Pure.

The fast path reads what the vendor documents: an array of objects with seven typed fields. An
answer that differs anywhere (a null price, a number as text, an additional key, `NaN`) takes the
slow path, which reads value by value, leaves NaN for what is not a number and lets the rules judge
the row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from math import isnan
from operator import attrgetter

import msgspec
import numpy as np

from data_nexus.domain.bars import EPOCH, NO_DATE, NO_ROW, Bars
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import Redact
from data_nexus.eodhd.answer import (
    NOT_JSON,
    Row,
    check_subject,
    notice_of,
    read_rows,
    require_keys,
    row_in,
    sent_rows,
    texts_of,
)

NUMBERS = ("open", "high", "low", "close", "adjusted_close", "volume")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_EPOCH_ORDINAL = np.int32(EPOCH.toordinal())


class _Row(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    date: date
    open: float
    high: float
    low: float
    close: float
    adjusted_close: float
    volume: float


_typed = msgspec.json.Decoder(list[_Row])


@dataclass(frozen=True, slots=True)
class ReceivedHistory:
    """An eod answer: its bars in the order sent, and the vendor's notice if it sent one."""

    bars: Bars
    notice: str | None = None


def decode_bars(body: bytes, symbol: Symbol) -> ReceivedHistory:
    """Return the bars of an eod answer (JSON).

    Raises `BrokenAnswer` for what is not JSON (cut, HTML, empty), `NotAnAnswer` for JSON that is
    not an eod answer, `WrongSubject` if the rows name another symbol.
    """
    try:
        rows = _typed.decode(body)
    except NOT_JSON:
        return _decode_loosely(body, symbol)
    ordinals = np.fromiter(map(date.toordinal, map(attrgetter("date"), rows)), np.int32, len(rows))
    numbers = [np.fromiter(map(attrgetter(n), rows), np.float64, len(rows)) for n in NUMBERS]
    return ReceivedHistory(Bars(ordinals - _EPOCH_ORDINAL, *numbers))


def excerpts(body: bytes, rows: Iterable[int], redact: Redact = str) -> list[str]:
    """Return the vendor's own text of the given rows of an eod answer, each bounded in length.

    `redact` replaces the token in it.
    """
    sent = sent_rows(body)
    if b"warning" in body or b"\\" in body:
        sent = [raw for raw in sent if not _is_notice(row_in(raw))]
    return texts_of(sent, rows, redact)


def volume_of(value: object) -> float:
    """Return a volume, sent as a number or as its text; NaN for a missing one.

    Infinity for anything else: 0 would claim that nothing was traded.
    """
    if value is None:
        return float("nan")
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else float("inf")
    number = price_of(value)
    return float("inf") if isnan(number) else number


def price_of(value: object) -> float:
    """Return a price sent as a number: infinity beyond a double, NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _decode_loosely(body: bytes, symbol: Symbol) -> ReceivedHistory:
    rows = read_rows(body, symbol, "not an eod answer")
    notice = notice_of(rows)
    rows = [row for row in rows if not _is_notice(row)]
    require_keys(rows, ("date", "close"), f"{symbol}: not an eod answer")
    check_subject(rows, symbol)
    dates = [NO_ROW if row is None else _as_days(row.get("date")) for row in rows]
    columns = [[_as_number(row or {}, name) for row in rows] for name in NUMBERS]
    return ReceivedHistory(
        Bars(np.array(dates, np.int32), *(np.array(column, np.float64) for column in columns)),
        notice,
    )


def _is_notice(row: object) -> bool:
    """Return whether a row holds the free plan's warning and nothing of a bar.

    Public clients report it on every row, in an additional row, or as the only content.
    """
    return (
        isinstance(row, dict)
        and "warning" in row
        and all(row.get(key) is None for key in ("date", *NUMBERS))
    )


def _as_number(row: Row, name: str) -> float:
    value = row.get(name)
    return volume_of(value) if name == "volume" else price_of(value)


def _as_days(value: object) -> int:
    # `fromisoformat` also reads 20230103 and 2023-W01-2, which the vendor never sends.
    if not isinstance(value, str) or (len(value), value[4:5], value[7:8]) != (10, "-", "-"):
        return int(NO_DATE)
    try:
        return date.fromisoformat(value).toordinal() - int(_EPOCH_ORDINAL)
    except ValueError:
        return int(NO_DATE)
