"""Owns the plan of an update as one call: what the database knows, and what follows from it.

It spends nothing and asks the vendor nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from data_nexus.config import Settings
from data_nexus.database import selects
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.audits import audit_turns
from data_nexus.database.reader.planning import KnownQuota
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.quota import on_day
from data_nexus.domain.listings.symbol_lists import lists_due
from data_nexus.domain.planning.audit import histories_to_audit
from data_nexus.domain.planning.due import (
    PROBED_AFTER,
    behind_by_exchange,
    fetch_plans,
    lacking_a_session,
    published_at,
)
from data_nexus.domain.planning.plan import Plan, plan_update


def update_plan(
    database: PostgresConnection, settings: Settings, known: KnownQuota, exchange: str | None
) -> tuple[Plan, bool]:
    """Plan an update; False if nothing was ever loaded, so that a backfill does the same."""
    queued = database.rows(*selects.queued(exchange, known.moment))
    segments = {group.segment for group in queued if group.cursor is not None}
    behind = behind_by_exchange(queued, published_at(segments, known.moment))
    since = known.moment - PROBED_AFTER
    token = selects.token_id(settings.token) if settings.token else None
    no_bulk, *no_actions = (
        set(database.rows(*selects.refused_exchanges(token, endpoint, since)))
        for endpoint in (Endpoint.BULK, Endpoint.SPLITS, Endpoint.DIVIDENDS)
    )
    wanting = {
        name: assets
        for name, assets in database.rows(*selects.wanted_actions(exchange))
        if not any(name in refused for refused in no_actions)
    }
    exchanges = lacking_a_session(behind)
    read = database.rows(*selects.known_lists())
    lists = lists_due(read, exchanges, settings.list_days, known.moment)
    chosen = fetch_plans(behind, no_bulk, known.quota.calls_a_day)

    def planned(audits: Mapping[str, int] | None = None) -> Plan:
        return plan_update(
            chosen, known.quota, known.moment, lists=lists, wanting=wanting, audits=audits
        )

    if not exchanges:
        return planned(), bool(segments)
    turns = _turns_after(planned(), database, settings, known, exchange)
    return planned(audit_turns(database, exchange, settings.audit_days, turns)), bool(segments)


def _turns_after(
    found: Plan,
    database: PostgresConnection,
    settings: Settings,
    known: KnownQuota,
    exchange: str | None,
) -> int:
    """Return how many histories the audit may read once the plan has been followed."""
    today = on_day(known.quota, known.moment.date())
    return histories_to_audit(
        replace(today, spent=today.spent + found.calls),
        database.rows(*selects.audit_records()),
        exchange,
        share=settings.audit_share,
        keep_share=settings.reserve,
    )
