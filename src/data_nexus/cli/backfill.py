"""Owns `nexus backfill`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.runs import run_backfill
from data_nexus.app.signals import DRAINED
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, error_console, print_error, print_json
from data_nexus.domain.symbol import exchange_code, parse_symbol
from data_nexus.events import observers
from data_nexus.ingestion.history_loader import Report, Wish
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="at most so many assets",
)
@click.option("--no-limit", is_flag=True, help="all that are due")
@click.option("--concurrency", type=click.IntRange(1, 256), help="requests in flight (5)")
@click.option(
    "--days-old", type=click.FloatRange(min=0), help="due when last answered so many days ago (1)"
)
@click.option("--exchange", help="only this exchange")
@click.option("--symbols", help="only these: AAPL.US,MSFT.US")
@click.option(
    "--batch-rows", type=click.IntRange(min=1), help="rows that share a transaction (5000)"
)
@output_options
def backfill(
    limit: int,
    no_limit: bool,  # noqa: FBT001 - a flag of the command line
    exchange: str | None,
    symbols: str | None,
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """Bring due assets up to date, symbol by symbol; run it again to go on where it stopped."""
    settings = settings_from(options)
    wish = Wish(
        limit=None if no_limit else limit,
        days_old=settings.days_old,
        exchange=exchange_code(exchange) if exchange else None,
        symbols=tuple(parse_symbol(s) for s in symbols.split(",")) if symbols else None,
    )
    with progress_display(error_console) as progress:
        report = run_backfill(settings, wish, observers(log_event, progress))
    if as_json:
        print_json(report.figures)
    else:
        _say(report.figures)
    return _exit_code(report)


def _exit_code(report: Report) -> int:
    if report.ended_by is not None:
        print_error(f"{report.ended_by}; run it again to go on", 0, as_json=False)
        return report.ended_by.exit_code
    if report.drained_by is not None:
        print_error(f"stopped by {report.drained_by}; run it again to go on", 0, as_json=False)
        return DRAINED[report.drained_by]
    return 3 if report.figures["failed"] else 0


def _say(figures: dict[str, Any]) -> None:
    if not figures["total_assets"]:
        console.print("Nothing is due.")
        return
    seconds = figures["duration_sec"]
    console.print(
        f"{figures['synced']:,} assets synced, {figures['absent']:,} without bars,"
        f" {figures['failed']:,} failed"
    )
    console.print(
        f"{figures['total_rows']:,} rows received: {figures['inserted']:,} inserted,"
        f" {figures['revised']:,} revised, {figures['unchanged']:,} unchanged,"
        f" {figures['rejected']:,} rejected"
    )
    for title, counts in (("odd", figures["flagged"]), ("rejected", figures["rejected_by_rule"])):
        for rule, count in sorted(counts.items()):
            console.print(f'  {title}: {count:,} rows break the rule "{rule}"')
    console.print(
        f"{figures['calls']:,} calls in {figures['requests']:,} requests, {seconds:.1f} s"
        f" ({figures['total_rows'] / max(seconds, 0.001):,.0f} rows/s)"
    )
