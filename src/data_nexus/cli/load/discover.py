"""The command `nexus discover`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.commands.runs import run_discovery
from data_nexus.cli.load.report import print_lists
from data_nexus.cli.options import EXCHANGE, output_options, settings_from
from data_nexus.cli.render import console, counted, error_console, print_error, print_json
from data_nexus.domain.symbol import exchange_code
from data_nexus.events import observers
from data_nexus.ingestion.discovery_run import DiscoveryReport, DiscoveryScope
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display


@click.command()
@click.option(
    "--exchange",
    "exchanges",
    multiple=True,
    type=EXCHANGE,
    default=("US",),
    help="US, LSE, …; repeatable",
)
@click.option("--delisted", is_flag=True, help="also list delisted symbols (one more call)")
@click.option("--type", "types", multiple=True, help='only this type, "Common Stock"; repeatable')
@click.option("--max-shrink", type=float, help="share of the list that may disappear at once (0.2)")
@output_options
def discover(
    exchanges: tuple[str, ...],
    delisted: bool,  # noqa: FBT001 - a flag of the command line
    types: tuple[str, ...],
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """List an exchange's symbols into the table `assets`."""
    settings = settings_from(options)
    codes = tuple(dict.fromkeys(exchange_code(text) for text in exchanges))
    with progress_display(error_console, "reading the symbol lists") as progress:
        scope = DiscoveryScope(codes, delisted, types)
        report = run_discovery(settings, scope, observers(log_event, progress))
    if as_json:
        print_json(report.as_dict())
    else:
        _say(report)
    reasons = [one.reason for one in report.lists if one.changes.is_shrunk]
    for reason in reasons:
        print_error(reason, 3, as_json=False)
    return 3 if reasons else 0


def _say(report: DiscoveryReport) -> None:
    print_lists(report.lists)
    console.print(f"{counted(report.calls, 'call')}, {report.duration_sec:.1f} s")
