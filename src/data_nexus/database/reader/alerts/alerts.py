"""List alerts, and silence them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query
from data_nexus.domain.alerting.conditions import Condition

_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAlert:
    """An alert, with how many of its messages were sent, how many not, and why not."""

    condition: str
    subject: str
    detail: str
    noticed_at: datetime
    raised_at: datetime
    recovered_at: datetime | None
    sent: int
    unsent: int
    trouble: str
    silenced_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSilence:
    """Until when nothing is sent about a condition; `subject` is empty for all."""

    condition: str
    subject: str
    until: datetime


def list_alerts(database: PostgresConnection, *, everything: bool = False) -> list[ListedAlert]:
    """Return the alerts that last, or the last five hundred, newest first."""
    return database.rows("list_alerts", {"all": everything, "limit": _MOST}, class_row(ListedAlert))


def list_silences(database: PostgresConnection) -> list[ListedSilence]:
    """Return the silences in force."""
    return database.rows("list_silences", {}, class_row(ListedSilence))


def silence_alerts(
    database: PostgresConnection, condition: Condition, subject: str, duration: timedelta
) -> datetime:
    """Silence a condition, of a subject or of all (""), for a while; return until when."""
    parameters = {"condition": condition, "subject": subject, "duration": duration}
    with database.connect() as connection:
        row = connection.execute(query("silence_alerts"), parameters).fetchone()
    assert row is not None  # noqa: S101 - an insert or its conflict returns its row
    until: datetime = row[0]
    return until


def unsilence_alerts(database: PostgresConnection, condition: Condition, subject: str) -> int:
    """End the silence of a subject, or all of a condition; return how many ended."""
    parameters = {"condition": condition, "subject": subject}
    with database.connect() as connection:
        return connection.execute(query("unsilence_alerts"), parameters).rowcount
