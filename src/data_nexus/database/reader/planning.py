"""Report what is known of the limits: the quota as last seen, the workers, what is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from psycopg.rows import dict_row, scalar_row, tuple_row

from data_nexus.config import Secret
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import (
    ASSUMED_MINUTE_LIMIT,
    Ids,
    has_assets,
    learned_sessions,
    query,
    token_id,
)
from data_nexus.domain.calendar.learned import Calendars, calendars_with
from data_nexus.domain.limits.quota import Quota, believed
from data_nexus.errors import no_assets


@dataclass(frozen=True, slots=True)
class KnownQuota:
    """A token's quota as the ledger has it, at `moment`; `reported_at` may be None."""

    quota: Quota
    moment: datetime
    reported_at: datetime | None


def known_quota(database: PostgresConnection, token: Secret | None) -> KnownQuota:
    """Return the quota of a token, or of the one used last; an unknown one has no limits yet."""
    asked = {"token_id": token_id(token) if token else None}
    found = database.rows("read_quota", asked, dict_row)
    if not found:
        (moment,) = database.rows("days_ago", {"days": 0}, scalar_row)
        empty = Quota(moment.date(), 0, None, 0, ASSUMED_MINUTE_LIMIT, moment)
        return KnownQuota(empty, moment, None)
    row = found[0]
    moment, reported_at = row.pop("moment"), row.pop("reported_at")
    return KnownQuota(believed(Quota(**row), moment), moment, reported_at)


def known_calendars(database: PostgresConnection) -> Calendars:
    """Return the calendars with what bars have shown."""
    with database.reading() as connection:
        return fetch_calendars(connection)


def fetch_calendars(connection: psycopg.Connection) -> Calendars:
    """Return the calendars as a connection sees them."""
    name, parameters, row = learned_sessions()
    return calendars_with(connection.cursor(row_factory=row).execute(query(name), parameters))


def last_sightings(database: PostgresConnection) -> dict[str, date]:
    """Return the latest session of each exchange of which any bar is stored."""
    return dict(database.rows("last_sightings", {}, tuple_row))


def require_exchange(database: PostgresConnection, exchange: str) -> None:
    """Raise `UsageError` for an exchange without assets."""
    if database.rows(*has_assets(exchange)) != [True]:
        raise no_assets(exchange)


def discovered_exchanges(database: PostgresConnection) -> list[str]:
    """Return the exchanges with assets, by code."""
    return database.rows("discovered_exchanges", {}, scalar_row)


def due_by_exchange(
    database: PostgresConnection, days_old: float, exchange: str | None, asset_ids: Ids = None
) -> dict[str, int]:
    """Return the number of due assets in each exchange."""
    asked = {"days_old": days_old, "exchange": exchange, "asset_ids": asset_ids}
    return dict(database.rows("due_by_exchange", asked, tuple_row))
