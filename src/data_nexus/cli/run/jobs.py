"""The commands `nexus jobs`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from data_nexus.app.commands.runs import run_job
from data_nexus.cli.options import EXCHANGE, opened, output_options, settings_from
from data_nexus.cli.render import console, error_console, print_json, print_table
from data_nexus.cli.run.daemon import print_job_runs
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.jobs.jobs import (
    ListedJob,
    add_job,
    list_job_runs,
    list_jobs,
    pause_job,
    remove_job,
    resume_job,
)
from data_nexus.domain.planning.jobs import Action, Job
from data_nexus.domain.planning.schedules import parse_schedule
from data_nexus.domain.symbol import exchange_code
from data_nexus.events import observers
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display


@click.group()
def jobs() -> None:
    """See and change what `nexus run` does, and when."""


@jobs.command("list")
@output_options
def list_(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """List the jobs, with their last run and the next."""
    with opened(settings_from(options), writes=False) as database:
        found = list_jobs(database)
    now = datetime.now(UTC)
    nexts = [job.next_after(now) for job in found]
    if as_json:
        pairs = zip(found, nexts, strict=True)
        print_json({"jobs": [asdict(job) | {"next": each} for job, each in pairs]})
        return
    if not found:
        console.print("No jobs yet: nexus run adds one for each exchange that was discovered.")
        return
    print_table(
        ("job", "schedule", "last run", "outcome", "next"),
        [
            (job.name, job.schedule, job.last_due, job.outcome, each or _why_none(job))
            for job, each in zip(found, nexts, strict=True)
        ],
    )


@jobs.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="so many runs")
@output_options
def history(name: str | None, limit: int, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show the last runs of a job, or of all."""
    with opened(settings_from(options), writes=False) as database:
        runs = list_job_runs(database, name, limit)
    if as_json:
        print_json({"runs": [asdict(each) for each in runs]})
        return
    if not runs:
        console.print("No job has run yet; nexus run runs them.")
        return
    print_table(
        ("job", "due", "missed", "attempts", "outcome", ""),
        [
            (each.job, each.due_at, each.missed, each.attempts, each.outcome, each.detail)
            for each in runs
        ],
    )


@jobs.command()
@click.argument("name")
@click.option("--schedule", required=True, help="'after US', or 'cron 30 6 * * 1-5 Europe/Berlin'")
@click.option(
    "--action",
    type=click.Choice([each.value for each in Action]),
    default=Action.UPDATE.value,
    show_default=True,
    help="what it does",
)
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option(
    "--to",
    "target",
    help="folder of a snapshot or of backups; a snapshot may be at s3://bucket/prefix",
)
@output_options
def add(
    name: str,
    schedule: str,
    action: str,
    exchange: str | None,
    target: str | None,
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """Add a job of your own.

    A schedule is 'after US': after each session of an exchange, as soon as it is published; 'after
    job update-US': each time that this job is done; or cron's five fields, in a time zone (UTC if
    none is named).

    An update makes assets fresh, discover reads symbol lists again, a snapshot is what `nexus
    export lake` writes, verify checks the invariants, backup is `nexus db backup`, and drill is
    `nexus db drill`: it reads from where --to says.
    """
    job = Job(
        name=name,
        action=Action(action),
        exchange=exchange_code(exchange) if exchange else None,
        schedule=str(parse_schedule(schedule)),
        # The daemon may work in another folder.
        target=str(Path(target).absolute()) if target and "://" not in target else target,
    )
    _change(lambda database: add_job(database, job), name, "added", as_json, options)


@jobs.command()
@click.argument("name")
@output_options
def remove(name: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Remove a job that was added; its history stays."""
    _change(lambda database: remove_job(database, name), name, "removed", as_json, options)


@jobs.command()
@click.argument("name")
@output_options
def run(name: str, as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001
    """Run a job now, whenever it is due."""
    settings = settings_from(options)
    with progress_display(error_console) as progress:
        report = run_job(settings, observers(log_event, progress), name)
    return print_job_runs([report], as_json=as_json)


@jobs.command()
@click.argument("name")
@output_options
def pause(name: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Let a job rest; a run under way goes on."""
    _change(lambda database: pause_job(database, name), name, "paused", as_json, options)


@jobs.command()
@click.argument("name")
@output_options
def resume(name: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """End a job's pause; what lay within it is not made up for."""
    _change(lambda database: resume_job(database, name), name, "resumed", as_json, options)


def _change(
    change: Callable[[PostgresConnection], None],
    name: str,
    done: str,
    as_json: bool,  # noqa: FBT001
    options: dict[str, Any],
) -> None:
    with opened(settings_from(options)) as database:
        change(database)
    if as_json:
        print_json({"job": name})
    else:
        console.print(f"{name} {done}.")


def _why_none(job: ListedJob) -> str:
    """Return why a job has no next moment."""
    return "paused" if job.paused_at is not None else job.schedule
