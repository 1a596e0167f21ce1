"""Owns the plan of a load, from the database alone: nothing is asked of the vendor."""

from __future__ import annotations

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.limits import due_by_exchange, known_quota
from data_nexus.database.opening import open_database
from data_nexus.domain.plan import Plan, plan_histories


def plan_load(settings: Settings, exchange: str | None) -> Plan:
    """Return what a backfill without limit would do now."""
    with open_database(settings.database_url, settings.home, settings.schema) as url:
        database = PostgresConnection(url, settings.schema)
        due = due_by_exchange(database, settings.days_old, exchange)
        known = known_quota(database, settings.token)
    return plan_histories(due, known.quota, known.moment)
