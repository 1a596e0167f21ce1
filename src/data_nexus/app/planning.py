"""Plan an update from what the database knows; no request is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from data_nexus.config import Settings
from data_nexus.database import queries
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.open import open_database
from data_nexus.database.reader.audits import audit_outlook, audit_turns
from data_nexus.database.reader.planning import (
    KnownQuota,
    discovered_exchanges,
    due_by_exchange,
    known_calendars,
    known_quota,
    last_sightings,
    require_exchange,
)
from data_nexus.database.reader.watchlists.watchlists import member_ids
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.limits.quota import Quota, on_day
from data_nexus.domain.listings.symbol_lists import lists_due
from data_nexus.domain.planning.audit import (
    Outlook,
    assets_to_sample,
    histories_to_audit,
    sample_within,
)
from data_nexus.domain.planning.bulk_or_single import BacklogGroup, FetchPlan, all_individually
from data_nexus.domain.planning.due import (
    PROBED_AFTER,
    behind_by_exchange,
    fetch_plans,
    lacking_a_session,
    published_at,
)
from data_nexus.domain.planning.plan import Plan, plan_histories, plan_update
from data_nexus.domain.planning.probing import PROBES, needs_probes, unseen_sessions


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan, the quota that it reckons with, and for an update the outlook of the audit.

    `is_update` is False for a backfill, also for an update of a database that was never loaded.
    `exchanges` are those that were discovered.
    """

    plan: Plan
    known: KnownQuota
    audit: Outlook | None
    is_update: bool
    exchanges: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus plan --json`."""
        quota = on_day(self.known.quota, self.known.moment.date())
        reported_at = self.known.reported_at
        return {
            **asdict(self.plan),
            "minute_limit": quota.minute_limit,
            "day_limit": quota.day_limit,
            "resets_at": quota.resets_at.isoformat(),
            "reported_at": reported_at and reported_at.isoformat(),
            "audit": self.audit and self.audit.as_dict(),
        }


def make_plan(
    settings: Settings,
    exchange: str | None,
    days_old: float | None,
    watchlist: str | None = None,
) -> PlanReport:
    """Plan an update, or with `days_old` a backfill, from the database in use.

    Raises `UsageError` for an exchange or a watchlist without assets.
    """
    with open_database(settings.database_url, settings.home, settings.schema, writes=False) as url:
        database = PostgresConnection(url, settings.schema)
        if exchange:
            require_exchange(database, exchange)
        asset_ids = member_ids(database, watchlist) if watchlist else None
        known = known_quota(database, settings.token)
        there = tuple(discovered_exchanges(database))
        if days_old is None:
            if asset_ids is not None:
                found, is_update = _watchlist_plan(database, known, exchange, asset_ids)
                return PlanReport(found, known, None, is_update, there)
            found, is_update = update_plan(database, settings, known, exchange)
            audit = audit_outlook(database, known.quota, settings)
            return PlanReport(found, known, audit, is_update, there)
        due = due_by_exchange(database, days_old, exchange, asset_ids)
        found = plan_histories(due, known.quota, known.moment)
        return PlanReport(found, known, None, is_update=False, exchanges=there)


def update_plan(
    database: PostgresConnection, settings: Settings, known: KnownQuota, exchange: str | None
) -> tuple[Plan, bool]:
    """Plan an update; False if nothing was ever loaded, so that a backfill does the same."""
    calendars = known_calendars(database)
    queued = database.rows(*queries.queued(exchange, known.moment))
    segments = {group.segment for group in queued if group.cursor is not None}
    behind = behind_by_exchange(queued, published_at(segments, known.moment, calendars))
    since = known.moment - PROBED_AFTER
    token = queries.token_id(settings.token) if settings.token else None
    no_bulk, *no_actions = (
        set(database.rows(*queries.refused_exchanges(token, endpoint, since)))
        for endpoint in (Endpoint.BULK, Endpoint.SPLITS, Endpoint.DIVIDENDS)
    )
    refused = set[str]().union(*no_actions)
    wanted = database.rows(*queries.wanted_actions(exchange))
    exchanges = lacking_a_session(behind)
    read = database.rows(*queries.known_lists())
    lists = lists_due(read, exchanges, settings.list_days, known.moment)
    left = on_day(known.quota, known.moment.date()).left
    unsettled = database.rows(*queries.unsettled(exchange))
    chosen = fetch_plans(
        behind, no_bulk, known.quota.calls_a_day, left, settings.look_back, unsettled, calendars
    )
    probes = _probes(database, calendars, behind, chosen)
    suspected = database.rows(*queries.suspected_assets(exchange, known.moment))

    def planned(**steps: Mapping[str, int]) -> Plan:
        return plan_update(
            chosen,
            known.quota,
            known.moment,
            lists=lists,
            probes=probes,
            wanting={name: assets for name, assets in wanted if name not in refused},
            suspected=dict(suspected) if exchanges else {},
            **steps,
        )

    if not exchanges:
        return planned(), bool(segments)
    sample = queries.ActionSample(exchange, refused, settings.audit_days)
    sampled = _sampled_after(planned(), database, settings, known, sample)
    turns = _turns_after(planned(sampled=sampled), database, settings, known, exchange)
    audits = audit_turns(database, exchange, settings.audit_days, turns)
    return planned(sampled=sampled, audits=audits), bool(segments)


def _watchlist_plan(
    database: PostgresConnection, known: KnownQuota, exchange: str | None, asset_ids: list[int]
) -> tuple[Plan, bool]:
    """Plan an update of some assets alone: one request each."""
    calendars = known_calendars(database)
    queued = database.rows(*queries.queued(exchange, known.moment, asset_ids))
    segments = {group.segment for group in queued if group.cursor is not None}
    behind = behind_by_exchange(queued, published_at(segments, known.moment, calendars))
    plans = {name: all_individually(groups) for name, groups in behind.items()}
    wanted = dict(database.rows(*queries.wanted_actions(exchange, asset_ids)))
    suspected = dict(database.rows(*queries.suspected_assets(exchange, known.moment, asset_ids)))
    found = plan_update(
        plans,
        known.quota,
        known.moment,
        wanting=wanted,
        suspected=suspected if lacking_a_session(behind) else {},
    )
    return found, bool(segments)


def _probes(
    database: PostgresConnection,
    calendars: Calendars,
    behind: Mapping[str, Collection[BacklogGroup]],
    chosen: Mapping[str, FetchPlan],
) -> dict[str, int]:
    """Return how many assets are read individually before an exchange is in bulk."""
    seen = last_sightings(database)
    return {
        exchange: PROBES
        for exchange, fetch_plan in chosen.items()
        if fetch_plan.sessions
        and needs_probes(
            unseen_sessions(calendars, exchange, behind[exchange], seen.get(exchange)),
            seen.get(exchange),
            in_bulk=True,
        )
    }


def _sampled_after(
    found: Plan,
    database: PostgresConnection,
    settings: Settings,
    known: KnownQuota,
    sample: queries.ActionSample,
) -> dict[str, int]:
    """Return of how many assets actions are sampled once the plan has been followed."""
    left = _left_after(found, known)
    most = assets_to_sample(left, share=settings.audit_share, keep_share=settings.reserve)
    return sample_within(dict(database.rows(*queries.sampled_assets(sample))), most)


def _turns_after(
    found: Plan,
    database: PostgresConnection,
    settings: Settings,
    known: KnownQuota,
    exchange: str | None,
) -> int:
    """Return how many histories the audit may read once the plan has been followed."""
    return histories_to_audit(
        _left_after(found, known),
        database.rows(*queries.audit_records()),
        exchange,
        share=settings.audit_share,
        keep_share=settings.reserve,
    )


def _left_after(found: Plan, known: KnownQuota) -> Quota:
    """Return the day's quota once the plan has been followed."""
    today = on_day(known.quota, known.moment.date())
    return replace(today, spent=today.spent + found.calls)
