"""`nexus status`: show what the database holds, and how it is kept up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from data_nexus.cli.load.audit import audit_pairs, record_pairs
from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import print_json, print_pairs, shown
from data_nexus.database.queries import ASSUMED_MINUTE_LIMIT, NOTICED_DAYS
from data_nexus.database.reader.status import Overview, overview
from data_nexus.database.reader.watchlists.watchlists import member_ids
from data_nexus.domain.planning.notices import NoticeReason
from data_nexus.observe.progress import span

Pair = tuple[str, object]
_GAP: Pair = ("", "")
# Counts of assets that the line of notices has by reason.
_IN_NOTICES = frozenset({"parked", "suspected"})
# What a worker of this version reports of itself.
_OF_WORKERS = {
    *("in_flight", "concurrency_limit", "requests", "retries", "retry_budget", "breakers"),
}
_OF_LAST_DAYS = frozenset({NoticeReason.REJECTED, NoticeReason.WITHDRAWN})


@click.command()
@click.option("--watchlist", help="count the assets of this watchlist alone")
@output_options
def status(watchlist: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show assets, freshness, quota, workers and the last runs."""
    settings = settings_from(options)
    with opened(settings, writes=False) as database:
        asset_ids = member_ids(database, watchlist) if watchlist else None
        found = overview(database, settings, asset_ids)
    if as_json:
        print_json(found.as_dict())
        return
    parts = (_stored(found), _quota(found), _audit(found), _workers(found), _runs(found))
    print_pairs(pair for part in parts for pair in part)


def _stored(found: Overview) -> Iterator[Pair]:
    for key, count in found.assets.items():
        if key not in _IN_NOTICES:
            yield f"assets {key.replace('_', ' ')}", count
    yield "notices", _notices(found.notices.counts)
    about = "about " if found.rows_are_estimated else ""
    yield "bars", f"{about}{found.rows:,}"
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
            f"{state['in_flight']:,} requests, {state['concurrency_limit']:,} allowed",
        )
        yield "  requests sent", state["requests"]
        yield "  retries", f"{state['retries']:,}, {state['retry_budget']:g} more allowed now"
        yield "  breakers", _breakers(state["breakers"])


def _breakers(states: dict[str, str]) -> str:
    """Name the breakers that are not closed."""
    troubled = [f"{endpoint} {state}" for endpoint, state in states.items() if state != "closed"]
    return ", ".join(troubled) or "all closed: the vendor answers"


def _runs(found: Overview) -> Iterator[Pair]:
    yield _GAP
    for run in found.runs:
        yield f"{run.command} of {_utc(run.started_at)}", run.outcome


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
