"""The command `nexus update`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.commands.runs import run_update
from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.cli.load.report import print_lists, print_run
from data_nexus.cli.options import EXCHANGE, WATCHLIST, output_options, settings_from
from data_nexus.cli.render import console, counted, error_console, print_json
from data_nexus.domain.symbol import exchange_code
from data_nexus.events import observers
from data_nexus.ingestion.reports.run_report import UpdateSteps
from data_nexus.ingestion.wiring import FAIL_FAST, WAIT
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display


@click.command()
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option(
    "--watchlist", type=WATCHLIST, help="only the assets of this watchlist, each for one call"
)
@click.option("--wait", is_flag=True, help="when the quota is used up, sleep until it resets")
@click.option("--concurrency", type=click.IntRange(1, 256), help="requests in flight (5)")
@output_options
def update(
    exchange: str | None,
    watchlist: str | None,
    wait: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """Load all published sessions with the fewest calls.

    First, symbol lists that are a week old are read again, and new symbols are loaded. Then
    missing sessions are fetched: in bulk where that costs less than one call for each asset that
    lacks them. When no session is missing (a Sunday, a holiday, just after the close), nothing is
    requested. Then the splits and dividends of assets whose adjusted closes the stored ones do not
    explain are read, for two calls each. Last, and with calls that are left over: once a week the
    actions of a few assets drawn by chance, and the audit, which reads some histories again.
    """
    settings = settings_from(options)
    chosen = exchange_code(exchange) if exchange else None
    with progress_display(error_console) as progress:
        policy = WAIT if wait else FAIL_FAST
        observe = observers(log_event, progress)
        report = run_update(settings, chosen, observe, policy, watchlist=watchlist)
    if as_json:
        print_json(report.as_dict())
    else:
        if report.steps:
            _print_steps(report.steps)
        print_run(report)
    return exit_code_of(report)


def _print_steps(steps: UpdateSteps) -> None:
    print_lists(steps.lists)
    for each in steps.bulk:
        console.print(
            f"{each.exchange} {each.session} in bulk: {counted(each.stored, 'bar')} stored,"
            f" {counted(each.fetched_individually, 'asset')} left to fetch individually,"
            f" {counted(each.calls, 'call')}"
        )
    if (sample := steps.sample) and (sample.assets or sample.failed):
        console.print(
            f"the actions of {counted(sample.assets, 'asset')} drawn by chance were read:"
            f" {sample.not_stored:,} had some that were not stored,"
            f" {sample.unexplained:,} leave adjusted closes unexplained,"
            f" {sample.failed:,} could not be read, {counted(sample.calls, 'call')}"
        )
    if (audit := steps.audit) and (audit.assets or audit.failed):
        console.print(
            f"{counted(audit.assets, 'history')} read again by the audit:"
            f" {counted(audit.revised, 'bar')} silently changed, {audit.withdrawn:,} withdrawn,"
            f" {audit.failed:,} could not be read, {counted(audit.calls, 'call')}"
        )
