"""Owns the way of a bulk answer: bytes become a sheet, checked row by row. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic

from data_nexus.domain.actions import CODE_HAS_ONE_BAR, Dividend, Split
from data_nexus.domain.validation.bulk_session import BulkSession, RejectedBulkRow
from data_nexus.domain.validation.check import check_session
from data_nexus.domain.validation.rules import ROW_RULES
from data_nexus.domain.window import Window
from data_nexus.eodhd.decode_actions import Action, excerpts
from data_nexus.eodhd.decode_bulk import BulkActions, UndecodedRow, decode_bulk_bars


@dataclass(frozen=True, slots=True)
class Feed(Generic[Action]):
    """A session's splits or dividends, and the rows that are put aside."""

    told: BulkActions[Action]
    aside: tuple[RejectedBulkRow, ...]


def decode_session(
    body: bytes, exchange: str, session: date, redact: Callable[[str], str]
) -> BulkSession:
    """Return a session's prices as a sheet; `redact` blots out the token in what is put aside.

    Raises a typed refusal for an answer that is not what was asked for.
    """
    told = decode_bulk_bars(body, exchange, session)
    checked = check_session(told.bars, Window(session, session))
    reasons = checked.reasons.tolist()
    position = {code: at for at, code in enumerate(told.codes) if reasons[at] < 0}
    unfit = [
        UndecodedRow(told.rows[at], ROW_RULES[reasons[at]].name, code)
        for at, code in enumerate(told.codes)
        if reasons[at] >= 0
    ]
    aside = rejected_bulk_row(body, [*unfit, *told.rejects], redact)
    return BulkSession(
        session=session,
        position=position,
        bars=checked.bars,
        rejected={
            each.code: (each.rule, each.excerpt)
            for each in aside
            if each.code and each.code not in position
        },
        flags=checked.flags,
        named=frozenset(each.code for each in told.rejects if each.rule == CODE_HAS_ONE_BAR),
        body_sha256=hashlib.sha256(body).hexdigest(),
        rejected_rows=aside,
    )


def feed_of(
    body: bytes, decode: Callable[[bytes], BulkActions[Action]], redact: Callable[[str], str]
) -> Feed[Action]:
    """Return a session's splits or dividends, as `decode` reads them, and what is put aside."""
    told = decode(body)
    return Feed(told, rejected_bulk_row(body, told.rejects, redact))


def rejected_bulk_row(
    body: bytes, rejects: Sequence[UndecodedRow], redact: Callable[[str], str]
) -> tuple[RejectedBulkRow, ...]:
    """Return rejected rows of an answer with the vendor's own text of each."""
    texts = excerpts(body, [each.row for each in rejects], redact) if rejects else []
    return tuple(
        RejectedBulkRow(each.code, each.rule, text)
        for each, text in zip(rejects, texts, strict=True)
    )


def named_in(feed: BulkActions[Split] | BulkActions[Dividend]) -> frozenset[str]:
    """Return the codes that a feed of actions names, also those whose action cannot be read."""
    return frozenset(feed.by_code) | {reject.code for reject in feed.rejects if reject.code}
