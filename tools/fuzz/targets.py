"""What is fuzzed: each reader of foreign bytes, with what must hold of every input.

A target returns the names of the rows that it kept, or raises a typed error; anything else is a
finding.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np

from data_nexus.config import Secret
from data_nexus.domain.bars import EPOCH, Bars
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import excerpt, one_line
from data_nexus.domain.validation.check import check
from data_nexus.eodhd.answer import EXCERPT_CHARS, row_in, sent_rows
from data_nexus.eodhd.body import plain
from data_nexus.eodhd.decode_actions import (
    Actions,
    decode_dividends,
    decode_splits,
    ex_dates,
)
from data_nexus.eodhd.decode_actions import excerpts as action_excerpts
from data_nexus.eodhd.decode_bars import decode_bars, excerpts
from data_nexus.eodhd.decode_bulk import (
    BulkActions,
    decode_bulk_bars,
    decode_bulk_dividends,
    decode_bulk_splits,
)
from data_nexus.eodhd.decode_symbol_changes import decode_symbol_changes
from data_nexus.eodhd.decode_symbols import decode_symbols
from data_nexus.eodhd.decode_user import decode_user
from data_nexus.eodhd.refusals import refusal
from data_nexus.errors import AnswerTooLarge, BrokenAnswer, NexusError
from data_nexus.ingestion.nightly.bulk_session import decode_session
from tools.fuzz.mutations import TOKEN, Row
from tools.fuzz.other_targets import arguments, manifest, settings

MCD = Symbol("MCD", "US")
DAY = date(2024, 1, 5)
WINDOW = Window(date(2024, 1, 1), date(2024, 1, 31))
REDACT = Secret(TOKEN).redact
_PIECE = 8
Kept = frozenset[str]


class Broken(AssertionError):
    """Something that must hold does not."""


@dataclass(frozen=True, slots=True)
class Target:
    """A reader of foreign bytes; `rows` are a good answer, of which one odd value costs one row."""

    name: str
    read: Callable[[bytes], Kept]
    corpus: tuple[str, ...]
    rows: tuple[Row, ...] = ()


def require(condition: bool, text: str) -> None:  # noqa: FBT001 - an assertion that is not left out
    """Raise `Broken` with the text unless the condition holds."""
    if not condition:
        raise Broken(text)


def require_no_token(texts: Sequence[str], body: bytes) -> None:
    """Hold that no text shows a part of the token, if the body has it whole or not at all."""
    without = body.replace(TOKEN.encode(), b"").decode("utf-8", "replace")
    pieces = [TOKEN[at : at + _PIECE] for at in range(len(TOKEN) - _PIECE + 1)]
    if TOKEN.encode() in body and not any(piece in without for piece in pieces):
        for text in texts:
            require(not any(piece in text for piece in pieces), "a text shows the token")


def require_finite(bars: Bars) -> None:
    """Hold that no column has NaN or infinity."""
    require(all(np.isfinite(column).all() for column in bars.columns()), "not finite")


def _texts_hold(texts: Sequence[str], body: bytes) -> None:
    require(all(len(text) <= EXCERPT_CHARS for text in texts), "an excerpt is too long")
    for text in texts:
        seen = text.replace("\n", "").replace("\t", "")
        require(seen.isprintable(), "an excerpt shows what is not printable")
    require_no_token(texts, body)


def _eod(body: bytes) -> Kept:
    bars = decode_bars(body, MCD).bars
    checked = check(bars, WINDOW)
    require(checked.received == len(bars), "the counts do not add up")
    require_finite(checked.kept)
    _texts_hold(excerpts(body, range(len(bars)), REDACT), body)
    days = checked.kept.date.tolist()
    require(all(a < b for a, b in pairwise(days)), "the bars are not in order")
    return frozenset(str(EPOCH.fromordinal(EPOCH.toordinal() + day)) for day in days)


def _bulk(body: bytes) -> Kept:
    received = decode_bulk_bars(body, "US", DAY)
    count = len(received.codes) + received.repeats + len(received.rejects)
    require(count == len(sent_rows(body)), "the counts do not add up")
    session = decode_session(body, "US", DAY, REDACT)
    _texts_hold([each.excerpt for each in session.rejected_rows], body)
    kept = session.bars.take(np.array([*session.position.values()], np.intp))
    require_finite(kept)
    return frozenset(session.position)


def _actions(decode: Callable[[bytes, Symbol], Actions], key: str) -> Callable[[bytes], Kept]:  # type: ignore[type-arg]
    def read(body: bytes) -> Kept:
        found = decode(body, MCD)
        rows = [row_in(raw) for raw in sent_rows(body)]
        notices = sum(
            bool(row) and "warning" in row and row.get("date") is None and row.get(key) is None
            for row in rows
            if row
        )
        count = len(found.actions) + len(found.rejects) + found.repeats
        require(count == len(rows) - notices, "the counts do not add up")
        wrong = [reject.row for reject in found.rejects]
        _texts_hold(action_excerpts(body, wrong, REDACT), body)
        require(len(ex_dates(body, wrong)) == len(wrong), "a date is missing")
        _require_numbers(found.actions)
        return frozenset(str(action.date) for action in found.actions)

    return read


def _bulk_actions(
    decode: Callable[[bytes, str, date], BulkActions],  # type: ignore[type-arg]
) -> Callable[[bytes], Kept]:
    def read(body: bytes) -> Kept:
        found = decode(body, "US", DAY)
        actions = [action for each in found.by_code.values() for action in each]
        count = len(actions) + len(found.rejects) + found.repeats
        require(count == len(sent_rows(body)), "the counts do not add up")
        _texts_hold(action_excerpts(body, [r.row for r in found.rejects], REDACT), body)
        _require_numbers(actions)
        return frozenset(found.by_code)

    return read


def _require_numbers(actions: Sequence[object]) -> None:
    for action in actions:
        values = (getattr(action, name) for name in action.__dataclass_fields__)  # type: ignore[attr-defined]
        numbers = [value for value in values if isinstance(value, float)]
        require(all(map(math.isfinite, numbers)), "not finite")


def _symbols(body: bytes) -> Kept:
    found = decode_symbols(body, "US")
    if body.lstrip()[:1] == b"[":
        require(len(found.listings) + found.refused == len(sent_rows(body)), "counts")
    for listing in found.listings:
        texts = (str(listing.symbol), listing.name, listing.venue, listing.isin, listing.currency)
        require(all(map(str.isprintable, texts)), "a text is not printable")
    codes = frozenset(listing.symbol.code for listing in found.listings)
    require(not codes & found.refused_codes, "a code is both")
    return codes


def _changes(body: bytes) -> Kept:
    found = decode_symbol_changes(body)
    require(len(found.changes) + found.refused == len(sent_rows(body)), "counts")
    for change in found.changes:
        require(f"{change.old}{change.new}{change.name}".isprintable(), "not printable")
    return frozenset(change.old for change in found.changes)


def _user(body: bytes) -> Kept:
    usage = decode_user(body)
    for count in (usage.spent, usage.day_limit, usage.extra):
        require(type(count) is int, "not whole")
    return frozenset()


_GOOD = gzip.compress(b"[1,2,3]" * 50, mtime=0)
_CAP = 10_000


def _plain(body: bytes) -> Kept:
    """A damaged stream never gives other text; a small bomb never more than the cap."""
    try:
        text = plain(body, "gzip", _CAP, "MCD.US")
    except (BrokenAnswer, AnswerTooLarge):
        return frozenset()
    require(len(text) <= _CAP, "more than the cap")
    require(gzip.decompress(body) == text, "other text")
    return frozenset()


_STATUSES = (301, 400, 401, 402, 403, 404, 405, 408, 422, 423, 429, 500, 503, 599)


def _refusal(body: bytes) -> Kept:
    status = _STATUSES[sum(body) % len(_STATUSES)]
    headers = {"Retry-After": body[:12].decode("latin-1")}
    error = refusal(status, headers, body, "MCD.US", datetime(2024, 1, 5, tzinfo=UTC))
    require(isinstance(error, NexusError), "untyped")
    require(str(error).isprintable() and len(str(error)) < 150, "not one short line")
    return frozenset()


def _texts(body: bytes) -> Kept:
    """A token anywhere in a text shows no part of itself, however the text is cut."""
    plain_body = body.replace(TOKEN.encode(), b"")
    at = sum(body) * 31 % (len(plain_body) + 1)
    said = plain_body[:at] + TOKEN.encode() + plain_body[at:]
    text = said.decode("utf-8", "replace")
    for most in (40, 120, 500, 2000):
        found = [excerpt(said, most, REDACT), excerpt(one_line(text), most, REDACT)]
        require(all(len(each) <= most for each in found), "too long")
        require_no_token(found, said)
    return frozenset()


_DATES = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08")
_CODES = ("AAPL", "BHP", "CBA", "MCD", "MSFT")
_NUMBERS = {"open": "46.2", "high": "46.4", "low": "45.9", "close": "45.96"}
_NUMBERS |= {"adjusted_close": "44.0616", "volume": "15022300"}


def _json(**texts: str) -> Row:
    return {key: f'"{text}"' for key, text in texts.items()}


_EOD_ROWS = tuple(_json(date=day) | _NUMBERS for day in _DATES)
_LABELS = tuple(_json(code=code, date="2024-01-05") for code in _CODES)
TARGETS: tuple[Target, ...] = (
    Target("eod", _eod, ("eod",), _EOD_ROWS),
    Target(
        "bulk",
        _bulk,
        ("bulk",),
        tuple(row | _json(exchange_short_name="US") | _NUMBERS for row in _LABELS),
    ),
    Target(
        "splits",
        _actions(decode_splits, "split"),
        ("splits",),
        tuple(_json(date=day, split=r"4.000000\/1.000000") for day in _DATES),
    ),
    Target(
        "div",
        _actions(decode_dividends, "value"),
        ("div",),
        tuple(
            _json(date=day, currency="USD", period="Quarterly", paymentDate=day)
            | {"value": "0.205", "unadjustedValue": "0.82"}
            for day in _DATES
        ),
    ),
    Target(
        "bulk splits",
        _bulk_actions(decode_bulk_splits),
        ("bulk_splits",),
        tuple(row | _json(exchange="US", split=r"4.000000\/1.000000") for row in _LABELS),
    ),
    Target(
        "bulk dividends",
        _bulk_actions(decode_bulk_dividends),
        ("bulk_div",),
        tuple(row | _json(exchange="US", dividend="0.20800", currency="USD") for row in _LABELS),
    ),
    Target(
        "symbols",
        _symbols,
        ("symbols", "symbols_csv"),
        tuple(
            _json(Code=code, Name=f"{code} Inc", Country="USA", Exchange="NYSE", Currency="USD")
            | _json(Type="Common Stock", Isin="US0378331005")
            for code in _CODES
        ),
    ),
    Target(
        "symbol changes",
        _changes,
        ("changes",),
        tuple(
            _json(exchange="US", old_symbol=code, new_symbol=f"{code}N", effective="2024-01-05")
            | _json(company_name=f"{code} Inc")
            for code in _CODES
        ),
    ),
    Target("user", _user, ("user",)),
    Target("gzip", _plain, ("gzip",)),
    Target("refusals", _refusal, ("refusal", "eod")),
    Target("texts", _texts, ("refusal", "eod", "symbols")),
    Target("settings", settings, ("settings",)),
    Target("manifest", manifest, ("manifest",)),
    Target("arguments", arguments, ("arguments",)),
)
