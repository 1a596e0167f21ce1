"""Decode the answers of `splits` and `div`: bytes become actions, or a typed error. Pure.

The vendor's formats vary, so rows are read value by value: amounts are numbers or text, a missing
date is null or `0000-00-00`, a missing word is null, "" or "None".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Generic, TypeVar

from data_nexus.domain import actions as rules
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import Redact
from data_nexus.domain.validation.check import Reject
from data_nexus.eodhd.answer import (
    Row,
    check_subject,
    notice_of,
    read_rows,
    require_keys,
    row_in,
    sent_rows,
    texts_of,
)

Action = TypeVar("Action", Split, Dividend)

_NO_WORD = frozenset({"", "none", "null", "na"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Actions(Generic[Action]):
    """An answer's rows: received = actions + repeats + rejects.

    `actions` are in the order sent, `repeats` counts rows that repeat one of them; a reject's
    `row` is its position in the answer. `notice` is the free plan's warning; a row that holds
    nothing else is not counted.
    """

    actions: tuple[Action, ...]
    rejects: tuple[Reject, ...] = ()
    repeats: int = 0
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class ActionRow(Generic[Action]):
    """An action with its position in the answer, and its code in a bulk answer."""

    row: int
    action: Action
    code: str = ""


def decode_splits(body: bytes, symbol: Symbol) -> Actions[Split]:
    """Return the splits of a `splits` answer (JSON).

    Rows with different ratios for one ex-date are all rejected. Raises `BrokenAnswer` for
    what is not JSON, `NotAnAnswer` for JSON of another shape, `WrongSubject` for another symbol's.
    """
    return _decode(body, symbol, "split", split_of)


def decode_dividends(body: bytes, symbol: Symbol) -> Actions[Dividend]:
    """Return the dividends of a `div` answer (JSON).

    An ex-date may have several, a regular and a special one. Raises as `decode_splits` does.
    """
    return _decode(body, symbol, "value", dividend_of)


def excerpts(body: bytes, rows: Iterable[int], redact: Redact = str) -> list[str]:
    """Return the vendor's own text of the given rows, each bounded in length.

    `redact` replaces the token in it.
    """
    return texts_of(sent_rows(body), rows, redact)


def ex_dates(body: bytes, rows: Iterable[int]) -> list[date | None]:
    """Return the dates of the given rows, None where it cannot be read."""
    sent = sent_rows(body)
    return [date_of((row_in(sent[row]) or {}).get("date")) for row in rows]


def read_action_rows(body: bytes, subject: object, keys: Sequence[str]) -> list[Row | None]:
    """Return an answer's rows, as `read_rows` does.

    Raises `NotAnAnswer` too for rows none of which has one of the `keys`, except those with the
    free plan's warning.
    """
    kind = f"not an answer with {keys[-1]!r}"
    rows = read_rows(body, subject, kind)
    if not all(row is None or "warning" in row for row in rows):
        require_keys(rows, keys, f"{subject}: {kind}")
    return rows


def split_of(row: Row | None) -> Split | str:
    """Return a row's split, or the rule that it breaks."""
    if row is None:
        return rules.ROW_IS_READABLE
    day = date_of(row.get("date"))
    if day is None:
        return rules.DATE_IS_READABLE
    numerator, _, denominator = str(row.get("split")).partition("/")
    new, old = number_of(numerator), number_of(denominator)
    if new is None or old is None:
        return rules.SPLIT_IS_RATIO
    if min(new, old) <= 0:
        return rules.SPLIT_IS_ABOVE_ZERO
    if not rules.is_plausible_ratio(new, old):
        return rules.SPLIT_IS_PLAUSIBLE
    return Split(day, new, old)


def dividend_of(row: Row | None, amount: str = "value") -> Dividend | str:
    """Return a row's dividend, or the rule that it breaks; `amount` is the key of its value."""
    if row is None:
        return rules.ROW_IS_READABLE
    day = date_of(row.get("date"))
    if day is None:
        return rules.DATE_IS_READABLE
    sent = row.get("unadjustedValue")
    value, unadjusted = number_of(row.get(amount)), number_of(sent)
    if value is None or (unadjusted is None and not _is_missing(sent)):
        return rules.DIVIDEND_IS_NUMBER
    if min(value, unadjusted or 0) < 0 or not (value or unadjusted):
        return rules.DIVIDEND_IS_ABOVE_ZERO
    if not all(map(rules.is_plausible_amount, (value, unadjusted or 0))):
        return rules.DIVIDEND_IS_PLAUSIBLE
    return Dividend(
        date=day,
        value=value,
        unadjusted_value=unadjusted,
        currency=word_of(row.get("currency")),
        declaration_date=date_of(row.get("declarationDate")),
        record_date=date_of(row.get("recordDate")),
        payment_date=date_of(row.get("paymentDate")),
        period=word_of(row.get("period")),
    )


def sort_out(
    sent: Sequence[ActionRow[Action]], *, one_a_day: bool
) -> tuple[list[ActionRow[Action]], list[Reject], int]:
    """Return the actions to keep, the rejects, and the number of rows that repeat an action.

    The first of equal rows is kept. With `one_a_day`, different rows for one code and ex-date
    contradict each other: all of them are rejected.
    """
    firsts: dict[tuple[str, object], ActionRow[Action]] = {}
    for each in sent:
        firsts.setdefault((each.code, each.action.fingerprint), each)
    times_by_day = Counter((each.code, each.action.date) for each in firsts.values())
    contradicted = {day for day, times in times_by_day.items() if one_a_day and times > 1}
    stand = [e for e in firsts.values() if (e.code, e.action.date) not in contradicted]
    rejects = [
        Reject(e.row, rules.DATE_HAS_ONE_SPLIT)
        for e in sent
        if (e.code, e.action.date) in contradicted
    ]
    return stand, rejects, len(sent) - len(stand) - len(rejects)


def date_of(value: object) -> date | None:
    """Return a date as the vendor writes it; None for `0000-00-00` and anything else."""
    # `fromisoformat` also reads 20230103 and 2023-W01-2, which the vendor never sends.
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def number_of(value: object) -> float | None:
    """Return a finite number, sent as a number or as its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def word_of(value: object) -> str | None:
    """Return a text that a database can hold; None for a missing one, however spelled."""
    if not isinstance(value, str) or _is_missing(value):
        return None
    return "".join(c for c in value if c.isprintable()).strip() or None


def _decode(
    body: bytes, symbol: Symbol, key: str, action_of: Callable[[Row | None], Action | str]
) -> Actions[Action]:
    rows = read_action_rows(body, symbol, ("date", key))
    check_subject(rows, symbol)
    found: list[ActionRow[Action]] = []
    rejects: list[Reject] = []
    for at, row in enumerate(rows):
        if row and "warning" in row and row.get("date") is None and row.get(key) is None:
            continue
        action = action_of(row)
        if isinstance(action, str):
            rejects.append(Reject(at, action))
        else:
            found.append(ActionRow(at, action))
    stand, contradicted, repeats = sort_out(found, one_a_day=key == "split")
    return Actions(
        tuple(each.action for each in stand),
        tuple(sorted(rejects + contradicted, key=lambda reject: reject.row)),
        repeats,
        notice_of(rows),
    )


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _NO_WORD)
