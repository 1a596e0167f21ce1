"""Owns what people see of the limits: the quota as last known, the workers, what is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from data_nexus.config import Secret
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.database.store.quota import UNTOLD_MINUTE_LIMIT, token_id
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.listings.symbol_lists import KnownList
from data_nexus.domain.planning.due import MarketSegment, Queued
from data_nexus.errors import no_assets


@dataclass(frozen=True, slots=True)
class KnownQuota:
    """A token's quota as the ledger has it, at `moment`; `reported_at` may be None."""

    quota: Quota
    moment: datetime
    reported_at: datetime | None


def known_quota(database: PostgresConnection, token: Secret | None) -> KnownQuota:
    """Return the quota of a token, or of the one used last; an unknown one has no limits yet."""
    name = token_id(token) if token else None
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        row = cursor.execute(query("read_quota"), {"token_id": name}).fetchone()
        if row is None:
            moment = connection.execute("SELECT clock_timestamp()").fetchall()[0][0]
            empty = Quota(moment.date(), 0, None, 0, UNTOLD_MINUTE_LIMIT, moment)
            return KnownQuota(empty, moment, None)
    moment, reported_at = row.pop("moment"), row.pop("reported_at")
    return KnownQuota(Quota(**row), moment, reported_at)


def due_by_exchange(
    database: PostgresConnection, days_old: float, exchange: str | None
) -> dict[str, int]:
    """Return how many assets are due in each exchange."""
    with database.connect() as connection:
        found = connection.execute(
            query("due_by_exchange"), {"days_old": days_old, "exchange": exchange}
        )
        return {row[0]: int(row[1]) for row in found}


def require_exchange(database: PostgresConnection, exchange: str) -> None:
    """Raise `UsageError` for an exchange without assets."""
    with database.connect() as connection:
        row = connection.execute(query("knows_exchange"), {"exchange": exchange}).fetchone()
    if not row or not row[0]:
        raise no_assets(exchange)


def queued_by_cursor(
    database: PostgresConnection, exchange: str | None, moment: datetime
) -> list[Queued]:
    """Return what the queue may hand out at a moment, by place and cursor."""
    parameters = {"exchange": exchange, "moment": moment}
    with database.connect() as connection:
        rows = connection.execute(query("count_queued"), parameters).fetchall()
    return [Queued(MarketSegment(*row[:3]), row[3], row[4]) for row in rows]


def wanting_actions(database: PostgresConnection, exchange: str | None) -> dict[str, int]:
    """Return of how many assets the actions are to be asked for now, by exchange."""
    with database.connect() as connection:
        found = connection.execute(query("count_wanted"), {"exchange": exchange})
        return {row[0]: int(row[1]) for row in found}


def refused(
    database: PostgresConnection, token: Secret | None, since: datetime, *endpoints: Endpoint
) -> set[str]:
    """Return the exchanges for which a token was refused one of the endpoints since a moment."""
    parameters = {"token_id": token_id(token) if token else None, "since": since}
    with database.connect() as connection:
        return {
            row[0]
            for endpoint in endpoints
            for row in connection.execute(
                query("read_refusals"), parameters | {"endpoint": endpoint.value}
            )
        }


def lists_by_exchange(database: PostgresConnection) -> list[KnownList]:
    """Return the symbol lists that were ever read, as they were last read whole."""
    with database.connect() as connection:
        return [KnownList(*row) for row in connection.execute(query("last_lists"))]


def live_workers(database: PostgresConnection) -> list[dict[str, Any]]:
    """Return the workers seen lately: since when, last seen, and how they are doing."""
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        return cursor.execute(query("live_workers")).fetchall()
