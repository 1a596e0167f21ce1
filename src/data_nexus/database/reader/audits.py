"""Report the rolling audit: how far it has come, what it found, what is next."""

from __future__ import annotations

from psycopg.rows import tuple_row

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import audit_records
from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.planning.audit import Outlook, outlook


def audit_outlook(database: PostgresConnection, quota: Quota, settings: Settings) -> Outlook:
    """Return what the audit guarantees by a quota and the settings."""
    records = database.rows(*audit_records())
    return outlook(records, quota.day_limit, settings.audit_share, settings.audit_days)


def audit_turns(
    database: PostgresConnection, exchange: str | None, rest_days: int, turns: int
) -> dict[str, int]:
    """Return which histories an audit of N turns would read now, counted by exchange."""
    asked = {"exchange": exchange, "audit_days": rest_days, "calls": turns}
    return dict(database.rows("audit_turns", asked, tuple_row))
