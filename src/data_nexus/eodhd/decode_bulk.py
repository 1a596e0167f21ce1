"""Owns the bulk answers, a day of a whole exchange: bytes become bars or actions by code. Pure.

`eod-bulk-last-day/{EX}` has three types: bars, splits and dividends. A row that is not of the
exchange and day asked for is rejected by name; an answer without any row of them is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Generic

import msgspec
import numpy as np

from data_nexus.domain import actions as rules
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars, days
from data_nexus.domain.symbol import is_code
from data_nexus.eodhd.answer import NO_JSON, Row
from data_nexus.eodhd.decode_actions import (
    Action,
    Placed,
    date_of,
    dividend_of,
    read_rows,
    sort_out,
    split_of,
)
from data_nexus.eodhd.decode_bars import NUMBERS
from data_nexus.errors import WrongSubject

# Paths for the parts of the vendor's one American exchange: asked for NYSE, it answers with US.
_HOMES = dict.fromkeys(("NYSE", "NASDAQ", "OTC", "BATS", "AMEX"), "US")
_MIX_UPS = frozenset({rules.EXCHANGE_IS_REQUESTED, rules.DATE_IS_REQUESTED, rules.DATE_IS_READABLE})


@dataclass(frozen=True, slots=True)
class UndecodedRow:
    """A row that is put aside: its position in the answer, the rule, and its code, "" if unfit."""

    row: int
    rule: str
    code: str


@dataclass(frozen=True, slots=True, eq=False)
class BulkBars:
    """A day's bars: `codes[i]` is whose bar `i` is and `rows[i]` its position in the answer.

    No code comes twice; received = bars + repeats + rejects. The prices are as sent, NaN where no
    number stands: what cannot be a bar is for `BAR_RULES` to say.
    """

    codes: tuple[str, ...]
    rows: tuple[int, ...]
    bars: Bars
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


def decode_bulk_bars(body: bytes, exchange: str, day: date) -> BulkBars:
    """Return the bars of a bulk answer (JSON) for the day asked for.

    Equal rows of one code are one bar, different ones are all rejected. Raises `BrokenAnswer` for
    what is no JSON, `NotAnAnswer` for JSON of another shape, `WrongSubject` if no row is of the
    exchange and the day.
    """
    codes, exchanges, dates, numbers = _columns(body, exchange)
    strays = _strays(zip(codes, exchanges, dates, strict=True), exchange, day)
    astray = {reject.row for reject in strays}
    labelled = [row for row in range(len(codes)) if row not in astray]
    rows, contradicted = _one_bar_a_code(labelled, codes, numbers)
    columns = [np.array(column, np.float64)[rows] for column in numbers]
    return BulkBars(
        codes=tuple(codes[row] for row in rows),
        rows=tuple(rows),
        bars=Bars(np.full(len(rows), days(day), np.int32), *columns),
        rejects=_in_order(strays + contradicted),
        repeats=len(labelled) - len(rows) - len(contradicted),
    )


def decode_bulk_splits(body: bytes, exchange: str, day: date) -> BulkActions[Split]:
    """Return the splits of a bulk answer (JSON) with `type=splits`.

    Rows that give one code different ratios are all rejected. Raises as `decode_bulk_bars` does.
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
    sent = read_rows(body, exchange, ("code", "date", key))
    codes = [_code(row) for row in sent]
    labels = [(c, r.get("exchange"), r.get("date")) for c, r in zip(codes, sent, strict=True)]
    rejects = _strays(labels, exchange, day)
    astray = {reject.row for reject in rejects}
    found: list[Placed[Action]] = []
    for at, row in enumerate(sent):
        if at not in astray:
            action = action_of(row)
            if isinstance(action, str):
                rejects.append(UndecodedRow(at, action, codes[at]))
            else:
                found.append(Placed(at, action, codes[at]))
    stand, contradicted, repeats = sort_out(found, one_a_day=key == "split")
    rejects += [UndecodedRow(reject.row, reject.rule, codes[reject.row]) for reject in contradicted]
    by_code: dict[str, list[Action]] = {}
    for each in stand:
        by_code.setdefault(each.code, []).append(each.action)
    actions = {code: tuple(told) for code, told in by_code.items()}
    return BulkActions(actions, _in_order(rejects), repeats)


def _dividend_of(row: Row) -> Dividend | str:
    return dividend_of(row, "dividend")


def _columns(
    body: bytes, exchange: str
) -> tuple[list[str], list[object], list[object], list[list[float | None]]]:
    """Return codes, exchanges, dates and the six columns of numbers, None where none stands."""
    try:
        rows = _typed.decode(body)
    except NO_JSON:
        return _columns_loosely(body, exchange)
    codes = [row.code.strip() for row in rows]
    exchanges, dates = ([*map(attrgetter(n), rows)] for n in ("exchange_short_name", "date"))
    return codes, exchanges, dates, [[*map(attrgetter(name), rows)] for name in NUMBERS]


def _columns_loosely(
    body: bytes, exchange: str
) -> tuple[list[str], list[object], list[object], list[list[float | None]]]:
    rows = read_rows(body, exchange, ("code", "date", "close"))
    codes = [_code(row) for row in rows]
    exchanges = [row.get("exchange_short_name") for row in rows]
    dates = [row.get("date") for row in rows]
    return codes, exchanges, dates, [[_number(row.get(n)) for row in rows] for n in NUMBERS]


def _strays(
    labels: Iterable[tuple[str, object, object]], exchange: str, day: date
) -> list[UndecodedRow]:
    """Return the rows whose code, exchange or date is not what was asked for.

    Raises `WrongSubject` if all are: the answer to another question says nothing about this one.
    """
    places, asked = (None, exchange, _HOMES.get(exchange, exchange)), day.isoformat()
    strays: list[UndecodedRow] = []
    row = -1
    for row, (code, place, written) in enumerate(labels):
        if not is_code(code):
            strays.append(UndecodedRow(row, rules.CODE_IS_CODE, ""))
        elif place not in places:
            strays.append(UndecodedRow(row, rules.EXCHANGE_IS_REQUESTED, code))
        elif written != asked:
            rule = rules.DATE_IS_REQUESTED if date_of(written) else rules.DATE_IS_READABLE
            strays.append(UndecodedRow(row, rule, code))
    if len(strays) == row + 1 and any(stray.rule in _MIX_UPS for stray in strays):
        raise WrongSubject(f"{exchange}: no row is of the exchange and the day asked for, {asked}")
    return strays


def _one_bar_a_code(
    rows: list[int], codes: Sequence[str], numbers: Sequence[Sequence[float | None]]
) -> tuple[list[int], list[UndecodedRow]]:
    """Return the rows that stand, the first of equal ones, and those that contradict each other."""
    often = {code for code, times in Counter(codes[row] for row in rows).items() if times > 1}
    if not often:
        return rows, []
    told: dict[str, dict[object, int]] = {code: {} for code in often}
    for row in rows:
        if codes[row] in often:
            told[codes[row]].setdefault(tuple(column[row] for column in numbers), row)
    agreed = {min(firsts.values()) for firsts in told.values() if len(firsts) == 1}
    return (
        [row for row in rows if codes[row] not in often or row in agreed],
        [
            UndecodedRow(row, rules.CODE_HAS_ONE_BAR, codes[row])
            for row in rows
            if codes[row] in often and len(told[codes[row]]) > 1
        ],
    )


def _in_order(rejects: Iterable[UndecodedRow]) -> tuple[UndecodedRow, ...]:
    return tuple(sorted(rejects, key=attrgetter("row")))


def _code(row: Row) -> str:
    code = row.get("code")
    return code.strip() if isinstance(code, str) else ""


def _number(value: object) -> float | None:
    """Return a number as the eod decoder reads it: no text, and infinity beyond a double."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf")
