"""The command `nexus demo`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.demo import demo_home, run_demo
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, error_console, print_json, print_pairs
from data_nexus.observe.logs import log_event


@click.command()
@output_options
def demo(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show the main job on simulated data: no key, no network.

    Starts a simulated vendor and a separate PostgreSQL, discovers an exchange, loads all
    histories, kills the load midway, resumes it, and proves that no bar is lost or duplicated.
    Then a new session is published, with a split and a dividend, and an update loads it.
    """
    settings = settings_from(options)

    def say(line: str) -> None:
        error_console.print(line, soft_wrap=True)

    report = run_demo(settings, say, log_event)
    if as_json:
        print_json(report.as_dict())
        return
    status = report.status
    console.print()
    print_pairs(
        [
            ("assets", status.assets["total"]),
            ("assets with bars", status.assets["with_data"]),
            ("assets without bars", status.assets["without_data"]),
            ("bars", status.rows),
            ("dates", f"{status.first_date} to {status.last_date}"),
        ]
    )
    home = demo_home(settings)
    console.print("\nExplore the demo's database:", style="bold")
    for line in (
        f"export NEXUS_HOME={home}",
        ".venv/bin/nexus status",
        f".venv/bin/nexus bars {report.example} --from {str(status.last_date)[:4]}-01-01",
        ".venv/bin/nexus db shell",
    ):
        console.print(f"  {line}", soft_wrap=True)
    console.print("\nLoad real data into your own database:", style="bold")
    for line in (
        "unset NEXUS_HOME",
        "export EODHD_API_KEY=…",
        ".venv/bin/nexus discover --exchange US",
        ".venv/bin/nexus backfill --limit 100",
        ".venv/bin/nexus update",
    ):
        console.print(f"  {line}")
