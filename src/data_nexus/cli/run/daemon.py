"""The command `nexus run`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from data_nexus import __version__
from data_nexus.app.commands.runs import run_daemon
from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, error_console, print_json, print_table
from data_nexus.dashboard.application import dashboard_beside
from data_nexus.domain.planning.jobs import JobOutcome
from data_nexus.events import observers
from data_nexus.observe.logs import log_event
from data_nexus.observe.metrics import EventMetrics
from data_nexus.observe.progress import progress_display
from data_nexus.service.daemon import JobReport
from data_nexus.service.rounds import Rounds


@click.command()
@click.option("--once", is_flag=True, help="run what is due now, and end (for cron)")
@click.option("--no-dashboard", is_flag=True, help="serve no dashboard")
@output_options
def run(
    once: bool,  # noqa: FBT001 - a flag of the command line
    no_dashboard: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """Keep the database fresh by a schedule, until stopped.

    Each exchange is updated after every session, as soon as the vendor has published it; `nexus
    jobs` shows the jobs, and adds others. Any number of daemons may share one database: each run is
    done by one of them. What was missed while none ran is made up for once; what fails is tried
    again. SIGTERM lets it finish what is under way; SIGHUP, or `nexus config reload`, lets it read
    its settings again. Meanwhile it serves the dashboard and answers monitors, as `nexus serve`
    does, unless that address is taken.
    """
    settings = settings_from(options)
    with progress_display(error_console) as progress:
        observe = observers(log_event, progress)
        reread = partial(settings_from, options)
        if once or no_dashboard:
            reports = run_daemon(settings, observe, once=once, reread=reread)
        else:
            metrics, rounds = EventMetrics(__version__), Rounds()
            observe = observers(observe, metrics.note)
            beside = dashboard_beside(settings, observe, metrics, rounds)
            reports = run_daemon(settings, observe, reread=reread, beside=beside, rounds=rounds)
    return print_job_runs(reports, as_json=as_json)


def print_job_runs(reports: Sequence[JobReport], *, as_json: bool) -> int:
    """Print how runs of jobs ended, and return the exit code for them."""
    if as_json:
        print_json({"runs": [report.as_dict() for report in reports]})
    elif reports:
        print_table(
            ("job", "due", "outcome", ""),
            [(each.job, each.due_at, each.outcome, each.detail) for each in reports],
        )
    else:
        console.print("No job was due. A job comes with each exchange that was discovered:")
        console.print("nexus jobs list shows when each is due.")
    outcomes = {report.outcome for report in reports}
    if JobOutcome.DRAINED in outcomes:
        return 75
    return 3 if outcomes & {JobOutcome.FAILED, JobOutcome.LATE} else 0
