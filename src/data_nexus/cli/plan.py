"""Owns `nexus plan`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from data_nexus.app.planning import plan_load
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json, print_pairs
from data_nexus.domain.plan import Plan
from data_nexus.domain.symbol import exchange_code


@click.command()
@click.option("--exchange", help="only this exchange")
@click.option("--days-old", type=click.FloatRange(min=0), help="due when older (days)")
@output_options
def plan(exchange: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Say what a backfill would ask for, what it would cost and how long it would take.

    Spends nothing: the quota is shown as it was last seen.
    """
    settings = settings_from(options)
    found = plan_load(settings, exchange_code(exchange) if exchange else None)
    if as_json:
        print_json(asdict(found))
    else:
        _say(found)


def _say(found: Plan) -> None:
    if not found.calls:
        console.print("Nothing is due: no calls.")
        return
    for step in found.steps:
        console.print(f"{step.exchange}: {step.assets:,} histories, {step.calls:,} calls")
    left = "not known yet" if found.quota_left is None else f"{found.quota_left:,}"
    print_pairs(
        [
            ("calls", found.calls),
            ("requests", found.requests),
            ("calls left today", left),
            ("quota days", found.days),
            ("takes about", timedelta(seconds=round(found.eta_sec))),
        ]
    )
