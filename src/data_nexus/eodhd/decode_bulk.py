"""Decode bulk answers, a day of a whole exchange: bytes become bars or actions by code. Pure.

`eod-bulk-last-day/{EX}` has three types: bars, splits and dividends. A row that is not of the
requested exchange and day is rejected by a rule; an answer with no row of them is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import isnan
from operator import attrgetter
from typing import Generic

import msgspec
import numpy as np

from data_nexus.domain import actions as rules
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars, Mask, days
from data_nexus.domain.symbol import is_code
from data_nexus.domain.validation.duplicates import one_row_each
from data_nexus.eodhd.answer import NOT_JSON, Row, code_in, sent_rows
from data_nexus.eodhd.decode_actions import (
    Action,
    ActionRow,
    date_of,
    dividend_of,
    read_action_rows,
    sort_out,
    split_of,
)
from data_nexus.eodhd.decode_bars import NUMBERS, price_of, volume_of
from data_nexus.errors import WrongSubject

# Paths for parts of the vendor's US exchange: requests for NYSE are answered with US.
_HOMES = dict.fromkeys(("NYSE", "NASDAQ", "OTC", "BATS", "AMEX"), "US")
_MISMATCHES = frozenset(
    {rules.EXCHANGE_IS_REQUESTED, rules.DATE_IS_REQUESTED, rules.DATE_IS_READABLE}
)


@dataclass(frozen=True, slots=True)
class UndecodedRow:
    """A rejected row: its position in the answer, the rule, and its code, "" if not a code."""

    row: int
    rule: str
    code: str


@dataclass(frozen=True, slots=True, eq=False)
class BulkBars:
    """A day's bars: `codes[i]` is the code of bar `i` and `rows[i]` its position in the answer.

    Codes are unique; received = bars + repeats + rejects. The prices are as sent, NaN for what is
    not a number: `BAR_RULES` decide what can be a bar. `is_merged` are the bars that stand for rows
    of equal prices and other volumes.
    """

    codes: tuple[str, ...]
    rows: tuple[int, ...]
    bars: Bars
    is_merged: Mask
    rejects: tuple[UndecodedRow, ...]
    repeats: int


@dataclass(frozen=True, slots=True)
class BulkActions(Generic[Action]):
    """A day's splits or dividends by code; received = actions + repeats + rejects."""

    by_code: dict[str, tuple[Action, ...]]
    rejects: tuple[UndecodedRow, ...]
    repeats: int


class _Row(msgspec.Struct, gc=False):
    code: str
    exchange_short_name: str
    date: str
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    adjusted_close: float | None
    volume: float | None


_typed = msgspec.json.Decoder(list[_Row])

# What a row says of itself: code, exchange and date, None if it cannot be read.
_Label = tuple[str, object, object] | None


def decode_bulk_bars(body: bytes, exchange: str, day: date) -> BulkBars:
    """Return the bars of a bulk answer (JSON) for the requested day.

    Rows of one code whose prices agree are one bar, others are all rejected. Raises `BrokenAnswer`
    for what is not JSON, `NotAnAnswer` for JSON of another shape, `WrongSubject` if no row is of
    the exchange and the day.
    """
    labels, numbers = _columns(body, exchange)
    wrong = _wrong_rows(body, labels, exchange, day)
    rejected = {reject.row for reject in wrong}
    codes = [label[0] if label else "" for label in labels]
    labelled = [row for row in range(len(codes)) if row not in rejected]
    bars = Bars(
        np.full(len(codes), days(day), np.int32),
        *(np.array(column, np.float64) for column in numbers),
    )
    rows, merged, contradicted = _one_bar_a_code(labelled, codes, bars)
    return BulkBars(
        codes=tuple(codes[row] for row in rows),
        rows=tuple(rows),
        bars=bars.take(np.array(rows, np.intp)),
        is_merged=np.isin(rows, merged),
        rejects=_in_order(wrong + contradicted),
        repeats=len(labelled) - len(rows) - len(contradicted),
    )


def decode_bulk_splits(body: bytes, exchange: str, day: date) -> BulkActions[Split]:
    """Return the splits of a bulk answer (JSON) with `type=splits`.

    Different ratios for one code are all rejected. Raises as `decode_bulk_bars` does.
    """
    return _decode_actions(body, exchange, day, key="split", action_of=split_of)


def decode_bulk_dividends(body: bytes, exchange: str, day: date) -> BulkActions[Dividend]:
    """Return the dividends of a bulk answer (JSON) with `type=dividends`.

    A code may have several, a regular and a special one. Raises as `decode_bulk_bars` does.
    """
    return _decode_actions(body, exchange, day, key="dividend", action_of=_dividend_of)


def _decode_actions(
    body: bytes, exchange: str, day: date, *, key: str, action_of: Callable[[Row], Action | str]
) -> BulkActions[Action]:
    sent = read_action_rows(body, exchange, ("code", "date", key))
    labels = [_label(row, "exchange") for row in sent]
    codes = [label[0] if label else "" for label in labels]
    rejects = _wrong_rows(body, labels, exchange, day)
    rejected = {reject.row for reject in rejects}
    found: list[ActionRow[Action]] = []
    for at, row in enumerate(sent):
        if row is not None and at not in rejected:
            action = action_of(row)
            if isinstance(action, str):
                rejects.append(UndecodedRow(at, action, codes[at]))
            else:
                found.append(ActionRow(at, action, codes[at]))
    stand, contradicted, repeats = sort_out(found, one_a_day=key == "split")
    rejects += [UndecodedRow(reject.row, reject.rule, codes[reject.row]) for reject in contradicted]
    by_code: dict[str, list[Action]] = {}
    for each in stand:
        by_code.setdefault(each.code, []).append(each.action)
    actions = {code: tuple(found) for code, found in by_code.items()}
    return BulkActions(actions, _in_order(rejects), repeats)


def _dividend_of(row: Row) -> Dividend | str:
    return dividend_of(row, "dividend")


def _columns(body: bytes, exchange: str) -> tuple[list[_Label], list[list[float | None]]]:
    """Return the rows' labels and the six columns of numbers, None where there is none."""
    try:
        rows = _typed.decode(body)
    except NOT_JSON:
        return _columns_loosely(body, exchange)
    labels: list[_Label] = [(row.code.strip(), row.exchange_short_name, row.date) for row in rows]
    return labels, [[*map(attrgetter(name), rows)] for name in NUMBERS]


def _columns_loosely(body: bytes, exchange: str) -> tuple[list[_Label], list[list[float | None]]]:
    rows = read_action_rows(body, exchange, ("code", "date", "close"))
    labels = [_label(row, "exchange_short_name") for row in rows]
    return labels, [[_number(row or {}, name) for row in rows] for name in NUMBERS]


def _label(row: Row | None, exchange: str) -> _Label:
    if row is None:
        return None
    code = row.get("code")
    return code.strip() if isinstance(code, str) else "", row.get(exchange), row.get("date")


def _wrong_rows(
    body: bytes, labels: Sequence[_Label], exchange: str, day: date
) -> list[UndecodedRow]:
    """Return the rows that cannot be read, or are not of the requested exchange and day.

    Raises `WrongSubject` if all that can be read are not: then the answer is for another request.
    """
    exchanges, requested = (None, exchange, _HOMES.get(exchange, exchange)), day.isoformat()
    wrong: list[UndecodedRow] = []
    unread = [row for row, label in enumerate(labels) if label is None]
    for row, label in enumerate(labels):
        if label is None:
            continue
        code, named, written = label
        if not is_code(code):
            wrong.append(UndecodedRow(row, rules.CODE_IS_CODE, ""))
        elif named not in exchanges:
            wrong.append(UndecodedRow(row, rules.EXCHANGE_IS_REQUESTED, code))
        elif written != requested:
            rule = rules.DATE_IS_REQUESTED if date_of(written) else rules.DATE_IS_READABLE
            wrong.append(UndecodedRow(row, rule, code))
    if len(wrong) + len(unread) == len(labels) and any(r.rule in _MISMATCHES for r in wrong):
        raise WrongSubject(f"{exchange}: no row is of the requested exchange and day, {requested}")
    sent = sent_rows(body) if unread else ()
    return wrong + [UndecodedRow(at, rules.ROW_IS_READABLE, code_in(sent[at])) for at in unread]


def _one_bar_a_code(
    rows: list[int], codes: Sequence[str], bars: Bars
) -> tuple[list[int], list[int], list[UndecodedRow]]:
    """Return the rows to keep, which of them stand for unequal ones, and those that contradict."""
    repeated = {code for code, times in Counter(codes[row] for row in rows).items() if times > 1}
    if not repeated:
        return rows, [], []
    doubled = np.array([row for row in rows if codes[row] in repeated], np.intp)
    _, keys = np.unique([codes[row] for row in doubled], return_inverse=True)
    found = one_row_each(keys, bars.take(doubled))
    kept = doubled[found.kept]
    once = [row for row in rows if codes[row] not in repeated]
    return (
        sorted([*once, *kept.tolist()]),
        kept[found.is_merged].tolist(),
        [
            UndecodedRow(row, rules.CODE_HAS_ONE_BAR, codes[row])
            for row in doubled[found.contradicted].tolist()
        ],
    )


def _in_order(rejects: Iterable[UndecodedRow]) -> tuple[UndecodedRow, ...]:
    return tuple(sorted(rejects, key=attrgetter("row")))


def _number(row: Row, name: str) -> float | None:
    """Return a number as the eod decoder reads it, but None for NaN: equal rows are to be equal."""
    value = row.get(name)
    number = volume_of(value) if name == "volume" else price_of(value)
    return None if isnan(number) else number
