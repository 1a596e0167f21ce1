"""Read an exchange's calendar as a table."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.planning import known_calendars, require_exchange
from data_nexus.domain.bars import days
from data_nexus.domain.calendar.exchanges import GUESSES, LIBRARY, RULES
from data_nexus.domain.calendar.learned import NOTHING_LEARNED, Calendars
from data_nexus.errors import UsageError
from data_nexus.research.columns import MOMENT

CALENDAR_SCHEMA = pa.schema([("date", pa.date32()), ("close", MOMENT), ("is_exact", pa.bool_())])


def read_calendar(
    database: PostgresConnection, exchange: str, first: date | None, last: date
) -> pa.Table:
    """Return an exchange's sessions from `first` to `last`, both included, in order.

    Columns as in `CALENDAR_SCHEMA`: `close` is the moment at which the session closed, `is_exact`
    whether the holidays around it are known; elsewhere a session may be one. Without `first` from
    the earliest session that is known. Raises `UsageError` for an exchange that neither the
    calendars nor the database know, and for dates in the wrong order.
    """
    if not any(exchange in known for known in (LIBRARY, RULES, GUESSES)):
        require_exchange(database, exchange)
    return calendar_of(exchange, first, last, known_calendars(database))


def calendar_of(
    exchange: str, first: date | None, last: date, calendars: Calendars = NOTHING_LEARNED
) -> pa.Table:
    """Return the calendar as `read_calendar` does, of any code: one unknown trades on weekdays."""
    if first is not None and first > last:
        raise UsageError(f"the calendar from {first} to {last} ends before it begins")
    sessions = calendars.of(exchange, last)
    held = sessions.days[sessions.days <= days(last)]
    closes = sessions.closes[: len(held)]
    if first is not None:
        begun = int(np.searchsorted(held, days(first)))
        held, closes = held[begun:], closes[begun:]
    exact = sessions.exact
    is_exact = (held >= days(exact.first)) & (held <= days(exact.last))
    return pa.table(
        [
            pa.array(held).view(pa.date32()),
            pa.array(closes * 1_000_000).view(MOMENT),
            pa.array(is_exact),
        ],
        schema=CALENDAR_SCHEMA,
    )
