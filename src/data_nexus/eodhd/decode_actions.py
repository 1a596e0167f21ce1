"""Owns the answers of `splits` and `div`: bytes become actions, or a typed refusal. Pure.

The vendor's forms are odd, so rows are read value by value: amounts come as numbers or as text,
a missing date as null or `0000-00-00`, a missing word as null, "" or "None".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Generic, TypeVar

import msgspec

from data_nexus.domain import actions as rules
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.check import Reject
from data_nexus.eodhd.answer import Row, check_subject, read_json, texts_of
from data_nexus.errors import NotAnAnswer

Action = TypeVar("Action", Split, Dividend)

_NO_WORD = frozenset({"", "none", "null", "na"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)

_raw = msgspec.json.Decoder(list[msgspec.Raw])
_loose = msgspec.json.Decoder(list[dict[str, object]])


@dataclass(frozen=True, slots=True)
class Actions(Generic[Action]):
    """An answer's rows, sorted out: received = actions + repeats + rejects.

    `actions` are in the order sent, `repeats` counts rows that tell one of them again; a reject's
    `row` is its position in the answer. `notice` is the free plan's warning; a row that holds
    nothing else counts as none.
    """

    actions: tuple[Action, ...]
    rejects: tuple[Reject, ...] = ()
    repeats: int = 0
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Placed(Generic[Action]):
    """An action and where it stands: its position in the answer, and its code in bulk."""

    row: int
    action: Action
    code: str = ""


def decode_splits(body: bytes, symbol: Symbol) -> Actions[Split]:
    """Return the splits of a `splits` answer (JSON).

    Rows that give different ratios for one ex-date are all rejected. Raises `BrokenAnswer` for
    what is no JSON, `NotAnAnswer` for JSON of another shape, `WrongSubject` for another symbol's.
    """
    return _decode(body, symbol, "split", split_of)


def decode_dividends(body: bytes, symbol: Symbol) -> Actions[Dividend]:
    """Return the dividends of a `div` answer (JSON).

    An ex-date may have several, a regular and a special one. Raises as `decode_splits` does.
    """
    return _decode(body, symbol, "value", dividend_of)


def excerpts(body: bytes, rows: Iterable[int], redact: Callable[[str], str] = str) -> list[str]:
    """Return the vendor's own text of the given rows, each bounded in length.

    `redact` blots out the token in it.
    """
    return texts_of(_raw.decode(body), rows, redact)


def ex_dates(body: bytes, rows: Iterable[int]) -> list[date | None]:
    """Return the dates of the given rows, None where none can be read."""
    sent = _loose.decode(body)
    return [date_of(sent[row].get("date")) for row in rows]


def read_rows(body: bytes, subject: object, keys: Sequence[str]) -> list[Row]:
    """Return an answer's rows; `subject` is whose they are, for the words of a refusal.

    Raises `BrokenAnswer` for what is no JSON, `NotAnAnswer` for what is no array of objects and
    for rows none of which has one of the `keys`, save those with the free plan's warning.
    """
    rows = read_json(body, subject)
    refused = f"{subject}: not an answer with {keys[-1]!r}"
    if not isinstance(rows, list):
        raise NotAnAnswer(f"{refused}: {type(rows).__name__} instead of an array")
    if not all(isinstance(row, dict) for row in rows):
        raise NotAnAnswer(f"{refused}: its rows are no objects")
    if not all("warning" in row for row in rows):
        for key in keys:
            if not any(key in row for row in rows):
                raise NotAnAnswer(f"{refused}: missing {key!r}")
    return rows


def split_of(row: Row) -> Split | str:
    """Return a row's split, or the rule that it breaks."""
    day = date_of(row.get("date"))
    if day is None:
        return rules.DATE_IS_READABLE
    numerator, _, denominator = str(row.get("split")).partition("/")
    new, old = number_of(numerator), number_of(denominator)
    if new is None or old is None:
        return rules.SPLIT_IS_RATIO
    if min(new, old) <= 0:
        return rules.SPLIT_IS_ABOVE_ZERO
    return Split(day, new, old)


def dividend_of(row: Row, amount: str = "value") -> Dividend | str:
    """Return a row's dividend, or the rule that it breaks; `amount` is the key of its value."""
    day = date_of(row.get("date"))
    if day is None:
        return rules.DATE_IS_READABLE
    sent = row.get("unadjustedValue")
    value, unadjusted = number_of(row.get(amount)), number_of(sent)
    if value is None or (unadjusted is None and not _is_missing(sent)):
        return rules.DIVIDEND_IS_NUMBER
    if min(value, unadjusted or 0) < 0 or not (value or unadjusted):
        return rules.DIVIDEND_IS_ABOVE_ZERO
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
    sent: Sequence[Placed[Action]], *, one_a_day: bool
) -> tuple[list[Placed[Action]], list[Reject], int]:
    """Return the actions that stand, the rejects, and how many rows tell one of them again.

    Of rows that tell the same the first stands. With `one_a_day`, rows that do not tell the same
    of one code and ex-date contradict each other: none of them can be trusted.
    """
    firsts: dict[tuple[str, object], Placed[Action]] = {}
    for each in sent:
        firsts.setdefault((each.code, each.action.fingerprint), each)
    told = Counter((each.code, each.action.date) for each in firsts.values())
    doubtful = {day for day, times in told.items() if one_a_day and times > 1}
    stand = [e for e in firsts.values() if (e.code, e.action.date) not in doubtful]
    rejects = [
        Reject(e.row, rules.DATE_HAS_ONE_SPLIT) for e in sent if (e.code, e.action.date) in doubtful
    ]
    return stand, rejects, len(sent) - len(stand) - len(rejects)


def date_of(value: object) -> date | None:
    """Return a date as the vendor writes it; None for none, `0000-00-00` or anything else."""
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
    """Return a text that a database can hold; None for none in any of the vendor's spellings."""
    if not isinstance(value, str) or _is_missing(value):
        return None
    return "".join(c for c in value if c.isprintable()).strip() or None


def _decode(
    body: bytes, symbol: Symbol, key: str, action_of: Callable[[Row], Action | str]
) -> Actions[Action]:
    rows = read_rows(body, symbol, ("date", key))
    check_subject(rows, symbol)
    found: list[Placed[Action]] = []
    rejects: list[Reject] = []
    for at, row in enumerate(rows):
        if "warning" in row and row.get("date") is None and row.get(key) is None:
            continue
        action = action_of(row)
        if isinstance(action, str):
            rejects.append(Reject(at, action))
        else:
            found.append(Placed(at, action))
    stand, contradicted, repeats = sort_out(found, one_a_day=key == "split")
    return Actions(
        tuple(each.action for each in stand),
        tuple(sorted(rejects + contradicted, key=lambda reject: reject.row)),
        repeats,
        next((str(row["warning"]) for row in rows if row.get("warning")), None),
    )


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _NO_WORD)
