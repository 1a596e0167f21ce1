"""The command `nexus plan`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from data_nexus.app.planning import PlanReport, make_plan
from data_nexus.cli.load.audit import audit_pairs
from data_nexus.cli.options import EXCHANGE, WATCHLIST, output_options, settings_from
from data_nexus.cli.render import (
    NOTHING_DISCOVERED,
    console,
    counted,
    print_json,
    print_pairs,
    waiting,
)
from data_nexus.database.queries import ASSUMED_MINUTE_LIMIT
from data_nexus.database.reader.planning import KnownQuota
from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.limits.quota import on_day
from data_nexus.domain.planning.plan import Plan, Purpose, Step, StepKind
from data_nexus.domain.symbol import exchange_code
from data_nexus.observe.waiting import span

_DAY_SEC = 86_400


@click.command()
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option("--watchlist", type=WATCHLIST, help="plan an update of this watchlist's assets alone")
@click.option(
    "--days-old",
    type=click.FloatRange(min=0),
    help="plan a backfill: due when the last answer is older than this",
)
@output_options
def plan(
    exchange: str | None,
    watchlist: str | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """Estimate an update's requests, calls and time; spend nothing.

    Where one session of a whole exchange costs less in bulk than one call for each asset, the
    update fetches it in bulk. With `--days-old`, plan a backfill with that option instead.

    Sends no request: the quota is shown as it was last seen.
    """
    settings = settings_from(options)
    chosen = exchange_code(exchange) if exchange else None
    days_old = None if options["days_old"] is None else settings.days_old
    with waiting("reading what is due"):
        report = make_plan(settings, chosen, days_old, watchlist)
    found = report.plan
    if as_json:
        print_json(report.as_dict())
    elif not found.calls:
        console.print("Nothing is due: no calls." if report.exchanges else NOTHING_DISCOVERED)
    else:
        _say(report)
        chosen_by = _options(chosen, watchlist)
        advice = (
            _update_advice(found, chosen_by)
            if report.is_update
            else _advice(found, settings.days_old, chosen_by)
        )
        for each in advice:
            console.print(each)


def _options(exchange: str | None, watchlist: str | None) -> str:
    """Return the options by which a command does what was planned, and no more."""
    given = (("--exchange", exchange), ("--watchlist", watchlist))
    return "".join(f" {name} {value}" for name, value in given if value)


def _say(report: PlanReport) -> None:
    found, known = report.plan, report.known
    for step in found.steps:
        console.print(
            f"{step.exchange}: {_what(step)} ({step.kind}), {counted(step.calls, 'call')}"
        )
    print_pairs(
        [
            ("calls", f"{found.calls:,} in {counted(found.requests, 'request')}"),
            ("calls left today", _left(found, known)),
            ("quota days", "not known yet" if found.days is None else _days(found, known)),
            ("takes about", _time(found, known)),
            *(audit_pairs(report.audit) if report.audit else ()),
        ]
    )
    console.print()


def _what(step: Step) -> str:
    others = {
        Purpose.AUDIT: f"the audit reads {counted(step.assets, 'history')} again",
        Purpose.SUSPICION: f"{counted(step.assets, 'history')} in doubt",
        Purpose.SAMPLE: f"the {step.kind} of {counted(step.assets, 'asset')} drawn by chance",
    }
    if step.purpose in others:
        return others[step.purpose]
    if step.kind is StepKind.SYMBOLS:
        return f"the symbol lists, of {counted(step.assets, 'symbol')} when last read"
    if not step.sessions:
        what = "histories" if step.kind is StepKind.EOD else step.kind
        return f"the {what} of {counted(step.assets, 'asset')}"
    sessions = counted(step.sessions, "session")
    if step.purpose is Purpose.LOOK_BACK:
        return f"{sessions} before, compared again in bulk"
    return f"{sessions} in bulk for {counted(step.assets, 'asset')}"


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
    learned = " (assumed until the vendor reports it)" if limit == ASSUMED_MINUTE_LIMIT else ""
    daily = (
        f" and {counted(known.quota.day_limit or 0, 'call')} a day" if (found.days or 0) > 1 else ""
    )
    return f"{span(found.eta_sec)} at {counted(limit, 'request')} a minute{learned}{daily}"


def _advice(found: Plan, days_old: float, chosen: str) -> Iterator[str]:
    if found.days is None:
        yield (
            "The number of quota days is not known: the first command that sends a request learns"
            f" the quota, for example `nexus backfill{chosen} --limit 1` (1 call)."
        )
    elif found.days <= 1:
        yield f"The calls left today are enough: `nexus backfill{chosen} --no-limit`."
    else:
        yield (
            f"`nexus backfill{chosen} --no-limit` ends when the day's calls are used up, and"
            " continues when it is run again; with `--wait` it sleeps until there are calls again."
        )
    if found.days is not None and found.days > max(days_old, 1):
        yield (
            f"The first assets loaded are due again after {span(days_old * _DAY_SEC)}, before the"
            f" last are loaded; with `--days-old {found.days}` they are not."
        )


def _update_advice(found: Plan, chosen: str) -> Iterator[str]:
    if any(step.kind is StepKind.SYMBOLS for step in found.steps):
        yield (
            f"A symbol list costs one call; for the US {CALLS[Endpoint.SYMBOL_CHANGES]} more are"
            " included for renames, which are requested only if some symbols disappeared and others"
            " are new. Each new symbol costs one more call."
        )
    if any(step.kind is StepKind.BULK for step in found.steps):
        yield (
            "Each asset with a split or a dividend on these sessions, or a gap before them, is read"
            " again for one more call; their number is known once the sessions are received."
        )
    elif found.steps:
        yield (
            "Each history whose last bars have changed, as after a split or a dividend, is read"
            " again as a whole for one more call."
        )
    if any(step.kind is StepKind.EOD for step in found.steps):
        yield (
            "The splits and dividends of an asset cost two more calls if its bars show that some"
            " are not stored; that is known once the bars are received."
        )
    if found.days is None or found.days <= 1:
        yield f"To load it: `nexus update{chosen}`."
    else:
        yield (
            f"`nexus update{chosen}` ends when the day's calls are used up, and continues when it"
            " is run again; with `--wait` it sleeps until there are calls again."
        )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
