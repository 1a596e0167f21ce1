"""The command `nexus demo`."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from data_nexus.app.demo import demo_home, run_demo
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, error_console, print_json, print_pairs, waiting
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
    with waiting("starting") as doing:
        report = run_demo(settings, _say, doing, log_event)
    if as_json:
        print_json(report.as_dict())
        return
    status = report.status
    console.print()
    print_pairs(
        [
            ("assets with bars", status.assets["with_data"]),
            ("assets without bars", status.assets["without_data"]),
            ("bars", f"{status.rows:,}, {status.first_date} to {status.last_date}"),
        ]
    )
    nexus = _called()
    _print_lines(
        "Explore the demo's database:",
        f"export NEXUS_HOME={shlex.quote(str(demo_home(settings)))}",
        f"{nexus} status",
        f"{nexus} bars {report.example} --from {str(status.last_date)[:4]}-01-01",
        f"{nexus} plot {report.example} --adjust splits",
    )
    _print_lines(
        "Load real data into your own database, with a key of eodhd.com:",
        "unset NEXUS_HOME",
        "export EODHD_API_KEY=your-key",
        f"{nexus} get AAPL.US MSFT.US",
        f"{nexus} update",
    )


def _say(line: str) -> None:
    error_console.print(line)


def _print_lines(title: str, *lines: str) -> None:
    """Print commands under a title, each on one line to be copied."""
    console.print(f"\n{title}", style="bold")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)


def _called() -> str:
    """Return how this program was called, as a shell reads it."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m data_nexus"
    if shutil.which(program.name) == str(program.absolute()):
        return shlex.quote(program.name)
    folder = Path.cwd()
    is_near = program.is_absolute() and program.is_relative_to(folder)
    return shlex.quote(str(program.relative_to(folder) if is_near else program))
