"""`nexus status`: show what the database holds, and how it is kept up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from data_nexus.cli.load.audit import audit_pairs, record_pairs
from data_nexus.cli.options import WATCHLIST, opened, output_options, settings_from
from data_nexus.cli.render import (
    NOTHING_DISCOVERED,
    console,
    counted,
    print_json,
    print_pairs,
    shown,
    waiting,
)
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import ASSUMED_MINUTE_LIMIT, NOTICED_DAYS
from data_nexus.database.reader.status import Overview, PastRun, overview
from data_nexus.domain.planning.notices import NoticeReason
from data_nexus.observe.waiting import span

Pair = tuple[str, object]
_GAP: Pair = ("", "")
# Counts of assets that the line of notices has by reason.
_IN_NOTICES = frozenset({"parked", "suspected"})
# What a worker of this version reports of itself.
_OF_WORKERS = {
    *("in_flight", "concurrency_limit", "requests", "retries", "retry_budget", "breakers"),
}
# So many runs are shown in short.
_RUNS = 3
_KINDS = {
    "with_data": "with bars",
    "without_data": "without bars",
    "paused": "paused",
    "not_followed": "not followed",
    "inactive": "inactive",
}
_STATES = {
    "fresh": "fresh",
    "stale": "stale",
    "provisional": "provisional",
    "damaged": "damaged",
    "with_findings": "with findings",
}
_OF_LAST_DAYS = frozenset({NoticeReason.REJECTED, NoticeReason.WITHDRAWN})


@click.command()
@click.option("--verbose", is_flag=True, help="all figures, those that are zero included")
@click.option("--watchlist", type=WATCHLIST, help="count the assets of this watchlist alone")
@output_options
def status(
    watchlist: str | None,
    verbose: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """Show assets, freshness, quota, workers and the last runs."""
    settings = settings_from(options)
    with opened(settings, writes=False) as database, waiting("reading the state"):
        asset_ids = _members(database, watchlist) if watchlist else None
        found = overview(database, settings, asset_ids)
    if as_json:
        print_json(found.as_dict())
    elif verbose:
        parts = (_stored(found), _quota(found), _audit(found), _workers(found), _runs(found))
        print_pairs(pair for part in parts for pair in part)
    elif found.assets["total"]:
        print_pairs(_short(found))
        console.print("All figures: nexus status --verbose")
    else:
        console.print(NOTHING_DISCOVERED)


def _members(database: PostgresConnection, watchlist: str) -> list[int]:
    # Most often status is of all, and starts without it.
    from data_nexus.database.reader.watchlists.watchlists import member_ids  # noqa: PLC0415

    return member_ids(database, watchlist)


def _short(found: Overview) -> Iterator[Pair]:
    """Give what matters in a few lines, nothing that is zero."""
    assets = found.assets
    yield "assets", f"{assets['total']:,}: {_counts(assets, _KINDS)}"
    yield "with bars", _counts(assets, _STATES) or "none"
    if found.notices.counts:
        yield "notices", _notices(found.notices.counts)
    if found.rows:
        yield "bars", f"{_bars(found)}, {found.first_date} to {found.last_date}"
    quota = found.quota
    of_limit = "" if quota.day_limit is None else f" of {quota.day_limit:,}"
    resets = span((quota.resets_at - datetime.now(UTC)).total_seconds())
    yield "calls today", f"{quota.spent:,}{of_limit}; renewed in {resets}"
    if found.workers:
        troubled = [_troubled(each.state.get("breakers", {})) for each in found.workers]
        yield "workers", ", ".join(filter(None, (f"{len(troubled)} running", *troubled)))
    for number, run in enumerate(found.runs[:_RUNS]):
        yield "" if number else "last runs", _run(run)


def _counts(assets: Mapping[str, int], words: Mapping[str, str]) -> str:
    return ", ".join(f"{assets[key]:,} {word}" for key, word in words.items() if assets[key])


def _bars(found: Overview) -> str:
    return f"{'about ' if found.rows_are_estimated else ''}{found.rows:,}"


def _run(run: PastRun) -> str:
    """Return a run on a line: which, when, how it ended, what it brought."""
    counts = [
        counted(int(run.figures[key]), noun)
        for key, noun in (("synced", "asset"), ("total_rows", "row"), ("calls", "call"))
        if run.figures.get(key)
    ]
    outcome = run.outcome or "running"
    return f"{run.command}, {_utc(run.started_at)}: {', '.join((outcome, *counts))}"


def _stored(found: Overview) -> Iterator[Pair]:
    for key, count in found.assets.items():
        if key not in _IN_NOTICES:
            yield f"assets {key.replace('_', ' ')}", count
    yield "notices", _notices(found.notices.counts)
    yield "bars", _bars(found)
    yield "dates", f"{found.first_date or '—'} to {found.last_date or '—'}"


def _notices(counts: Mapping[str, int]) -> str:
    """Return how many assets have something open, by reason, and what the last days brought."""
    lately = f" in {NOTICED_DAYS} days"
    texts = [
        f"{count:,} {reason}{lately if reason in _OF_LAST_DAYS else ''}"
        for reason, count in counts.items()
    ]
    return ", ".join(texts) or "none"


def _quota(found: Overview) -> Iterator[Pair]:
    quota = found.quota
    yield _GAP
    of_limit = "" if quota.day_limit is None else f" of {quota.day_limit:,}"
    extra = f", {quota.extra:,} extra ones included" if quota.extra else ""
    left = "not known yet" if quota.left is None else f"{shown(quota.left)}{extra}"
    resets_in = quota.resets_at - datetime.now(UTC)
    yield "calls used today", f"{quota.spent:,}{of_limit}"
    yield "calls left today", left
    yield "quota resets", f"in {span(resets_in.total_seconds())}, at {_utc(quota.resets_at)}"
    learned = " (assumed until the vendor reports it)"
    limit = quota.minute_limit
    yield "requests a minute", f"{limit:,}{learned if limit == ASSUMED_MINUTE_LIMIT else ''}"
    yield (
        "vendor's count",
        _utc(found.reported_at) if found.reported_at else "not fetched yet",
    )


def _audit(found: Overview) -> Iterator[Pair]:
    yield _GAP
    yield from audit_pairs(found.audit)
    yield from record_pairs(found.audit)


def _workers(found: Overview) -> Iterator[Pair]:
    yield _GAP
    if not found.workers:
        yield "workers", "none running"
    for worker in found.workers:
        state = worker.state
        yield f"worker since {_utc(worker.started_at)}", f"last seen {_utc(worker.seen_at)}"
        if not _OF_WORKERS.issubset(state):
            yield "  state", "not known: it runs another version"
            continue
        yield (
            "  in flight",
            f"{counted(state['in_flight'], 'request')}, {state['concurrency_limit']:,} allowed",
        )
        yield "  requests sent", state["requests"]
        yield "  retries", f"{state['retries']:,}, {state['retry_budget']:g} more allowed now"
        yield "  breakers", _breakers(state["breakers"])


def _breakers(states: Mapping[str, str]) -> str:
    return _troubled(states) or "all closed: the vendor answers"


def _troubled(states: Mapping[str, str]) -> str:
    """Name the breakers that are not closed."""
    return ", ".join(
        f"{endpoint} {state}" for endpoint, state in states.items() if state != "closed"
    )


def _runs(found: Overview) -> Iterator[Pair]:
    yield _GAP
    for run in found.runs:
        yield f"{run.command} of {_utc(run.started_at)}", run.outcome


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
