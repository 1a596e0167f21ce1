"""Owns the way of a bulk answer: bytes become a sheet, checked row by row. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date

from data_nexus.domain.actions import CODE_HAS_ONE_BAR, Dividend, Split
from data_nexus.domain.check import check_session
from data_nexus.domain.rules import ROW_RULES
from data_nexus.domain.sheet import Sheet
from data_nexus.domain.window import Window
from data_nexus.eodhd.decode_bars import excerpts
from data_nexus.eodhd.decode_bulk import BulkActions, decode_bulk_bars


def sheet_of(body: bytes, exchange: str, session: date, redact: Callable[[str], str]) -> Sheet:
    """Return a session's prices as a sheet; `redact` blots out the token in what is put aside.

    Raises a typed refusal for an answer that is not what was asked for.
    """
    told = decode_bulk_bars(body, exchange, session)
    checked = check_session(told.bars, Window(session, session))
    reasons = checked.reasons.tolist()
    position = {code: at for at, code in enumerate(told.codes) if reasons[at] < 0}
    unfit = [
        (code, told.rows[at], ROW_RULES[reasons[at]].name)
        for at, code in enumerate(told.codes)
        if reasons[at] >= 0
    ]
    unfit += [(each.code, each.row, each.rule) for each in told.rejects]
    unfit = [each for each in unfit if each[0] and each[0] not in position]
    texts = excerpts(body, [row for _, row, _ in unfit], redact) if unfit else []
    return Sheet(
        session=session,
        position=position,
        bars=checked.bars,
        rejected={code: (rule, text) for (code, _, rule), text in zip(unfit, texts, strict=True)},
        flags=checked.flags,
        named=frozenset(each.code for each in told.rejects if each.rule == CODE_HAS_ONE_BAR),
        body_sha256=hashlib.sha256(body).hexdigest(),
    )


def named_in(feed: BulkActions[Split] | BulkActions[Dividend]) -> frozenset[str]:
    """Return the codes that a feed of actions names, also those whose action cannot be read."""
    return frozenset(feed.by_code) | {reject.code for reject in feed.rejects if reject.code}
