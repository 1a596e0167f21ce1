"""Turn a bulk answer into a `BulkSession`, checked row by row. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic

import numpy as np

from data_nexus.domain.actions import CODE_HAS_ONE_BAR, Dividend, Split
from data_nexus.domain.calendar.window import Window
from data_nexus.domain.validation.bulk_session import BulkSession, RejectedBulkRow
from data_nexus.domain.validation.check import check_session
from data_nexus.domain.validation.price_kinds import NO_CODES, SignedCodes
from data_nexus.domain.validation.rules import BAR_COMES_ONCE, ROW_RULES
from data_nexus.eodhd.decode_actions import Action, excerpts
from data_nexus.eodhd.decode_bulk import BulkActions, UndecodedRow, decode_bulk_bars


@dataclass(frozen=True, slots=True)
class Feed(Generic[Action]):
    """A session's splits or dividends, and the rejected rows."""

    actions: BulkActions[Action]
    rejects: tuple[RejectedBulkRow, ...]


def decode_session(
    body: bytes,
    exchange: str,
    session: date,
    redact: Callable[[str], str],
    signed: SignedCodes = NO_CODES,
) -> BulkSession:
    """Return a session's prices; `redact` removes the token from the text of rejected rows.

    `signed` are the codes whose prices may be zero or negative. Raises a typed refusal for an
    answer that is not what was requested.
    """
    received = decode_bulk_bars(body, exchange, session)
    is_signed = np.array([code in signed for code in received.codes], np.bool_)
    checked = check_session(received.bars, Window(session, session), is_signed)
    merged = {BAR_COMES_ONCE: received.is_merged} if received.is_merged.any() else {}
    reasons = checked.reasons.tolist()
    position = {code: at for at, code in enumerate(received.codes) if reasons[at] < 0}
    unfit = [
        UndecodedRow(received.rows[at], ROW_RULES[reasons[at]].name, code)
        for at, code in enumerate(received.codes)
        if reasons[at] >= 0
    ]
    rejected_rows = rejected_bulk_rows(body, [*unfit, *received.rejects], redact)
    return BulkSession(
        session=session,
        position=position,
        bars=checked.bars,
        rejected={
            each.code: (each.rule, each.excerpt)
            for each in rejected_rows
            if each.code and each.code not in position
        },
        flags=checked.flags | merged,
        named=frozenset(each.code for each in received.rejects if each.rule == CODE_HAS_ONE_BAR),
        body_sha256=hashlib.sha256(body).hexdigest(),
        rejected_rows=rejected_rows,
        signed=signed,
    )


def feed_of(
    body: bytes, decode: Callable[[bytes], BulkActions[Action]], redact: Callable[[str], str]
) -> Feed[Action]:
    """Return a session's splits or dividends, as `decode` reads them, and the rejected rows."""
    actions = decode(body)
    return Feed(actions, rejected_bulk_rows(body, actions.rejects, redact))


def rejected_bulk_rows(
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
