"""Owns `nexus plan`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json, print_pairs
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.ledger_store import UNTOLD_MINUTE_LIMIT
from data_nexus.database.limits import KnownQuota, due_by_exchange, known_quota
from data_nexus.database.opening import open_database
from data_nexus.domain.plan import Plan, plan_histories
from data_nexus.domain.quota import on_day
from data_nexus.domain.symbol import exchange_code
from data_nexus.observe.progress import span

_DAY_SEC = 86_400


@click.command()
@click.option("--exchange", help="only this exchange")
@click.option(
    "--days-old", type=click.FloatRange(min=0), help="due when last answered so many days ago (1)"
)
@output_options
def plan(exchange: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Say what a backfill would ask for, what it would cost and how long it would take.

    Spends nothing and asks the vendor nothing: the quota is shown as it was last seen.
    """
    settings = settings_from(options)
    chosen = exchange_code(exchange) if exchange else None
    with open_database(settings.database_url, settings.home, settings.schema) as url:
        database = PostgresConnection(url, settings.schema)
        due = due_by_exchange(database, settings.days_old, chosen)
        known = known_quota(database, settings.token)
    found = plan_histories(due, known.quota, known.moment)
    if as_json:
        print_json(asdict(found) | _as_last_seen(known))
    elif not found.calls:
        console.print("Nothing is due: no calls.")
    else:
        _say(found, known, settings.days_old)


def _as_last_seen(known: KnownQuota) -> dict[str, Any]:
    quota = on_day(known.quota, known.moment.date())
    return {
        "minute_limit": quota.minute_limit,
        "day_limit": quota.day_limit,
        "resets_at": quota.resets_at.isoformat(),
        "told_at": known.told_at and known.told_at.isoformat(),
    }


def _say(found: Plan, known: KnownQuota, days_old: float) -> None:
    for step in found.steps:
        console.print(
            f"{step.exchange}: the histories of {step.assets:,} assets ({step.kind}),"
            f" {step.calls:,} calls"
        )
    print_pairs(
        [
            ("calls", f"{found.calls:,} in {found.requests:,} requests"),
            ("calls left today", _left(found, known)),
            ("quota days", "not known yet" if found.days is None else _days(found, known)),
            ("takes about", _time(found, known)),
        ]
    )
    console.print()
    for advice in _advice(found, days_old):
        console.print(advice)


def _left(found: Plan, known: KnownQuota) -> str:
    if found.quota_left is None or known.told_at is None:
        return "not known yet"
    extra = f" and {known.quota.extra:,} extra" if known.quota.extra else ""
    daily = f"{known.quota.day_limit or 0:,} a day{extra}"
    return f"{found.quota_left:,} of {daily}, as last seen at {_utc(known.told_at)}"


def _days(found: Plan, known: KnownQuota) -> str:
    today = on_day(known.quota, known.moment.date())
    return f"{found.days}; the next one begins at {_utc(today.resets_at)}"


def _time(found: Plan, known: KnownQuota) -> str:
    limit = known.quota.minute_limit
    learned = " (assumed until the vendor tells)" if limit == UNTOLD_MINUTE_LIMIT else ""
    daily = f" and {known.quota.day_limit:,} calls a day" if (found.days or 0) > 1 else ""
    return f"{span(found.eta_sec)} at {limit:,} requests a minute{learned}{daily}"


def _advice(found: Plan, days_old: float) -> Iterator[str]:
    if found.days is None:
        yield (
            "How many quota days it takes is not known: the vendor tells the quota to the first"
            " command that asks it, for example `nexus backfill --limit 1` (1 call)."
        )
    elif found.days <= 1:
        yield "The calls left today suffice: `nexus backfill --no-limit`."
    else:
        yield (
            "`nexus backfill --no-limit` ends when the day's calls are used up, and goes on when it"
            " is run again; with `--wait` it sleeps until there are calls again."
        )
    if found.days is not None and found.days > max(days_old, 1):
        yield (
            f"What is loaded first is due again after {span(days_old * _DAY_SEC)}, before the last"
            f" is loaded; with `--days-old {found.days}` it is not."
        )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
