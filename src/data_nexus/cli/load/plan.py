"""Owns `nexus plan`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from data_nexus.app.planning import update_plan
from data_nexus.cli.load.audit import audit_pairs
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json, print_pairs
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.open import open_database
from data_nexus.database.reader.audits import audit_outlook
from data_nexus.database.reader.planning import (
    KnownQuota,
    due_by_exchange,
    known_quota,
    require_exchange,
)
from data_nexus.database.selects import ASSUMED_MINUTE_LIMIT
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.limits.quota import on_day
from data_nexus.domain.planning.plan import Plan, Purpose, Step, StepKind, plan_histories
from data_nexus.domain.symbol import exchange_code
from data_nexus.observe.progress import span

_DAY_SEC = 86_400


@click.command()
@click.option("--exchange", help="only this exchange")
@click.option(
    "--days-old",
    type=click.FloatRange(min=0),
    help="plan a backfill: due when last answered so many days ago",
)
@output_options
def plan(exchange: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Say what an update would ask for, what it would cost and how long it would take.

    Where one session of a whole exchange costs less in bulk than one call for each asset, the
    update takes it so. With `--days-old` it is the plan of a backfill with that option.

    Spends nothing and asks the vendor nothing: the quota is shown as it was last seen.
    """
    settings = settings_from(options)
    chosen = exchange_code(exchange) if exchange else None
    with open_database(settings.database_url, settings.home, settings.schema) as url:
        database = PostgresConnection(url, settings.schema)
        if chosen:
            require_exchange(database, chosen)
        known = known_quota(database, settings.token)
        if options["days_old"] is None:
            found, is_update = update_plan(database, settings, known, chosen)
            promised = audit_outlook(database, known.quota, settings)
        else:
            due = due_by_exchange(database, settings.days_old, chosen)
            found, is_update = plan_histories(due, known.quota, known.moment), False
            promised = None
    if as_json:
        print_json(asdict(found) | _as_last_seen(known) | {"audit": promised})
    elif not found.calls:
        console.print("Nothing is due: no calls.")
    else:
        _say(found, known, promised)
        for advice in _update_advice(found) if is_update else _advice(found, settings.days_old):
            console.print(advice)


def _as_last_seen(known: KnownQuota) -> dict[str, Any]:
    quota = on_day(known.quota, known.moment.date())
    return {
        "minute_limit": quota.minute_limit,
        "day_limit": quota.day_limit,
        "resets_at": quota.resets_at.isoformat(),
        "reported_at": known.reported_at and known.reported_at.isoformat(),
    }


def _say(found: Plan, known: KnownQuota, promised: dict[str, Any] | None) -> None:
    for step in found.steps:
        console.print(f"{step.exchange}: {_what(step)} ({step.kind}), {step.calls:,} calls")
    print_pairs(
        [
            ("calls", f"{found.calls:,} in {found.requests:,} requests"),
            ("calls left today", _left(found, known)),
            ("quota days", "not known yet" if found.days is None else _days(found, known)),
            ("takes about", _time(found, known)),
            *(audit_pairs(promised) if promised else ()),
        ]
    )
    console.print()


def _what(step: Step) -> str:
    if step.purpose is Purpose.AUDIT:
        return f"the audit reads {step.assets:,} histories again"
    if step.kind is StepKind.SYMBOLS:
        return f"the symbol lists, of {step.assets:,} symbols when last read"
    if not step.sessions:
        what = "histories" if step.kind is StepKind.EOD else step.kind
        return f"the {what} of {step.assets:,} assets"
    sessions = f"{step.sessions} session{'s' * (step.sessions > 1)}"
    return f"{sessions} in bulk for {step.assets:,} assets"


def _left(found: Plan, known: KnownQuota) -> str:
    if found.quota_left is None or known.reported_at is None:
        return "not known yet"
    extra = f" and {known.quota.extra:,} extra" if known.quota.extra else ""
    daily = f"{known.quota.day_limit or 0:,} a day{extra}"
    return f"{found.quota_left:,} of {daily}, as last seen at {_utc(known.reported_at)}"


def _days(found: Plan, known: KnownQuota) -> str:
    today = on_day(known.quota, known.moment.date())
    return f"{found.days}; the next one begins at {_utc(today.resets_at)}"


def _time(found: Plan, known: KnownQuota) -> str:
    limit = known.quota.minute_limit
    learned = " (assumed until the vendor tells)" if limit == ASSUMED_MINUTE_LIMIT else ""
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


def _update_advice(found: Plan) -> Iterator[str]:
    if any(step.kind is StepKind.SYMBOLS for step in found.steps):
        yield (
            f"A symbol list costs one call; in the US {CALLS[Endpoint.SYMBOL_CHANGES]} more are"
            " counted for renames, which are asked for only if symbols went and came. Each symbol"
            " that is new on a list is loaded for one call more."
        )
    if any(step.kind is StepKind.BULK for step in found.steps):
        yield (
            "Each asset that has a split or a dividend on these sessions, or a gap before them, is"
            " read again for one call more; who they are is known when the sessions have come."
        )
    elif found.steps:
        yield (
            "Each history whose last bars have changed, as after a split or a dividend, is read"
            " again as a whole for one call more."
        )
    if any(step.kind is StepKind.EOD for step in found.steps):
        yield (
            "The splits and dividends of an asset cost two calls more, where its bars show that"
            " there are some that are not stored; that is known when the bars have come."
        )
    if found.days is None or found.days <= 1:
        yield "`nexus update` does it."
    else:
        yield (
            "`nexus update` ends when the day's calls are used up, and goes on when it is run"
            " again; with `--wait` it sleeps until there are calls again."
        )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
