"""Owns `nexus discover`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.runs import DiscoveryReport, DiscoveryScope, run_discovery
from data_nexus.cli.load.report import print_lists
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_error, print_json
from data_nexus.domain.symbol import exchange_code
from data_nexus.observe.logs import log_event


@click.command()
@click.option(
    "--exchange", "exchanges", multiple=True, default=("US",), help="US, LSE, …; repeatable"
)
@click.option("--delisted", is_flag=True, help="also list the dead symbols (one call more)")
@click.option("--type", "types", multiple=True, help='only this type, "Common Stock"; repeatable')
@click.option("--max-shrink", type=float, help="share of the list that may vanish at once (0.2)")
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
    report = run_discovery(settings, DiscoveryScope(codes, delisted, types), log_event)
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
    plural = "" if report.calls == 1 else "s"
    console.print(f"{report.calls:,} call{plural}, {report.duration_sec:.1f} s")
