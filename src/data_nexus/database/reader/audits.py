"""Owns what people see of the rolling audit: how far it has come, what it found, what is next."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from psycopg.rows import class_row

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.domain.limits.quota import Quota
from data_nexus.domain.planning.audit import RECORD_DAYS, Record, outlook


def audit_records(database: PostgresConnection) -> list[Record]:
    """Return the audit's record of each exchange with loaded assets."""
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=class_row(Record))
        return cursor.execute(query("audit_records"), {"record_days": RECORD_DAYS}).fetchall()


def audit_outlook(database: PostgresConnection, quota: Quota, settings: Settings) -> dict[str, Any]:
    """Return what the audit promises by a quota and the settings: an `Outlook`, ready for JSON."""
    records = audit_records(database)
    promised = outlook(records, quota.day_limit, settings.audit_share, settings.audit_days)
    found = asdict(promised)
    for part in (found, *found["exchanges"]):
        part["oldest"] = part["oldest"] and part["oldest"].isoformat()
    return found


def audit_turns(
    database: PostgresConnection, exchange: str | None, rest_days: int, turns: int
) -> dict[str, int]:
    """Return whose histories an audit of so many turns would read now, counted by exchange."""
    parameters = {"exchange": exchange, "audit_days": rest_days, "calls": turns}
    with database.connect() as connection:
        found = connection.execute(query("audit_turns"), parameters)
        return {row[0]: int(row[1]) for row in found}
