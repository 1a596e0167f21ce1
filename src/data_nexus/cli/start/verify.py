"""Owns `nexus verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from data_nexus.app.verify import Verification
from data_nexus.app.verify import verify as run_checks
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json
from data_nexus.domain.symbol import exchange_code


@click.command()
@click.option("--exchange", default="US", show_default=True, help="exchange to try")
@output_options
def verify(exchange: str, as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001
    """Check that everything works: database, discovery, backfill, cursors, batches.

    The checks work in a schema of their own and drop it. With an EODHD key they cost a few calls;
    without one they ask the sandbox. The database in use is only looked at.
    """
    answer = run_checks(settings_from(options), exchange_code(exchange))
    if as_json:
        print_json(asdict(answer))
    else:
        _say(answer)
    if any(answer.invariants.values()):
        return 8
    return 0 if answer.passed else 3


def _say(answer: Verification) -> None:
    for check in answer.checks:
        mark = "ok  " if check.passed else "FAIL"
        console.print(f"{mark}  {check.name}: {check.seen}")
    for name, count in answer.invariants.items():
        mark = "FAIL" if count else "ok  "
        console.print(f"{mark}  {name}" + (f": broken in {count:,} places" if count else ""))
    console.print(f"vendor asked: {answer.vendor}")
