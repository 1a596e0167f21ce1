"""Decode an eod answer: bytes become `Bars`, or a typed error. Pure.

The fast path reads what the vendor documents: an array of objects with seven typed fields. An
answer that differs anywhere (a null price, a number as text, an additional key) takes the slow
path, which reads value by value, leaves NaN for what is not a number and lets the rules judge the
row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

import msgspec
import numpy as np

from data_nexus.domain.bars import EPOCH, NO_DATE, Bars
from data_nexus.domain.symbol import Symbol
from data_nexus.eodhd.answer import NOT_JSON, Row, check_subject, not_json, read_json, texts_of
from data_nexus.errors import NotAnAnswer

NUMBERS = ("open", "high", "low", "close", "adjusted_close", "volume")
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
_loose = msgspec.json.Decoder()
_raw = msgspec.json.Decoder(list[msgspec.Raw])


NO_BARS = Bars(np.empty(0, np.int32), *(np.empty(0) for _ in NUMBERS))


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
    except msgspec.ValidationError:
        return _decode_loosely(body, symbol)
    except NOT_JSON as error:
        raise not_json(symbol, error) from None
    ordinals = np.fromiter(map(date.toordinal, map(attrgetter("date"), rows)), np.int32, len(rows))
    numbers = [np.fromiter(map(attrgetter(n), rows), np.float64, len(rows)) for n in NUMBERS]
    return ReceivedHistory(Bars(ordinals - _EPOCH_ORDINAL, *numbers))


def excerpts(body: bytes, rows: Iterable[int], redact: Callable[[str], str] = str) -> list[str]:
    """Return the vendor's own text of the given rows of an eod answer, each bounded in length.

    `redact` replaces the token in it.
    """
    sent = _raw.decode(body)
    if b"warning" in body or b"\\" in body:
        sent = [raw for raw in sent if not _is_notice(_loose.decode(raw))]
    return texts_of(sent, rows, redact)


def _decode_loosely(body: bytes, symbol: Symbol) -> ReceivedHistory:
    rows = read_json(body, symbol)
    if not isinstance(rows, list):
        found = "null" if rows is None else type(rows).__name__
        raise NotAnAnswer(f"{symbol}: not an eod answer: {found} instead of an array")
    if not all(isinstance(row, dict) for row in rows):
        raise NotAnAnswer(f"{symbol}: not an eod answer: its rows are not objects")
    notice = next((str(row["warning"]) for row in rows if row.get("warning")), None)
    rows = [row for row in rows if not _is_notice(row)]
    _check_keys(rows, symbol)
    check_subject(rows, symbol)
    dates = np.array([_as_days(row.get("date")) for row in rows], np.int32)
    columns = [np.array([_as_number(row.get(n)) for row in rows], np.float64) for n in NUMBERS]
    return ReceivedHistory(Bars(dates, *columns), notice)


def _is_notice(row: object) -> bool:
    """Return whether a row holds the free plan's warning and nothing of a bar.

    Public clients report it on every row, in an additional row, or as the only content.
    """
    return (
        isinstance(row, dict)
        and "warning" in row
        and all(row.get(key) is None for key in ("date", *NUMBERS))
    )


def _check_keys(rows: list[Row], symbol: Symbol) -> None:
    for key in ("date", "close"):
        if rows and not any(key in row for row in rows):
            raise NotAnAnswer(f"{symbol}: not an eod answer: missing {key!r}")


def _as_days(value: object) -> int:
    # `fromisoformat` also reads 20230103 and 2023-W01-2, which the vendor never sends.
    if not isinstance(value, str) or (len(value), value[4:5], value[7:8]) != (10, "-", "-"):
        return int(NO_DATE)
    try:
        return date.fromisoformat(value).toordinal() - int(_EPOCH_ORDINAL)
    except ValueError:
        return int(NO_DATE)


def _as_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("inf")
