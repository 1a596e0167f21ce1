"""The command `nexus top`."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click
from rich.live import Live
from rich.text import Text

from data_nexus.app.commands.overview import INTERVAL, LiveOverview, RunProgress, read_overview
from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import console, print_json, print_pairs, print_table
from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.errors import StorageUnavailable
from data_nexus.observe.waiting import SteadyConsole, can_redraw, span

_SHOWN_JOBS = 8
_SHOWN_ALERTS = 3
_SPARKS = " ▁▂▃▄▅▆▇█"


@click.command()
@click.option("--once", is_flag=True, help="show it once, and end")
@click.option(
    "--interval",
    type=click.FloatRange(0.5, 3600),
    default=2.0,
    show_default=True,
    help="seconds between two pictures",
)
@output_options
def top(once: bool, interval: float, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show what runs and how all stands, live, until stopped.

    The same as the first page of the dashboard. Into a pipe or a file it is shown once.
    """
    settings = settings_from(options)
    with opened(settings, writes=False) as database:
        if as_json:
            print_json(read_overview(database, settings).as_dict())
        elif once or not can_redraw(console):
            _show(read_overview(database, settings))
        else:
            _show_live(database, settings, interval)


def _show_live(database: PostgresConnection, settings: Settings, interval: float) -> None:
    """Draw in one place; the picture is gone at the end."""
    with (
        _ended_by_signals(),
        Live(
            console=SteadyConsole(),
            auto_refresh=False,
            redirect_stdout=False,
            transient=True,
            vertical_overflow="crop",
        ) as live,
    ):
        while True:
            try:
                picture = _picture(read_overview(database, settings))
            except StorageUnavailable as error:
                picture = f"The database does not answer: {error}"
            live.update(Text.from_ansi(picture), refresh=True)
            time.sleep(interval)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the block by Ctrl-C or SIGTERM, which is how it ends."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _picture(overview: LiveOverview) -> str:
    with console.capture() as captured:
        _show(overview)
    return captured.get()


def _show(overview: LiveOverview) -> None:
    print_pairs(_pairs(overview))
    if overview.running:
        console.print()
        print_table(
            ("run", "assets", "rows", "rows/s", "calls", "waits for", "left"),
            [_run(each) for each in overview.running],
        )
    if overview.jobs:
        console.print()
        print_table(
            ("job", "last run", "outcome", "next"),
            [
                (job.name, job.last_due, job.outcome, job.next_due or "paused")
                for job in overview.jobs[:_SHOWN_JOBS]
            ],
        )
    if overview.exchanges:
        console.print()
        print_table(
            ("exchange", "with bars", "fresh", "settled", "stale", "parked", "furthest behind"),
            [
                (e.exchange, e.with_bars, e.fresh, e.settled, e.stale, e.parked, e.oldest)
                for e in overview.exchanges
            ],
        )


def _pairs(overview: LiveOverview) -> Iterator[tuple[str, object]]:
    counts, quota = overview.counts, overview.quota
    yield "as of", f"{overview.moment:%Y-%m-%d %H:%M:%S} UTC"
    there = f"{counts['with_bars']:,} of {counts['total']:,} with bars"
    how = f"{counts['fresh']:,} fresh, {counts['stale']:,} stale, {overview.behind:,} behind"
    yield "assets", f"{there}: {how}"
    if overview.alerts:
        yield "alerts", _alerts(overview)
    if overview.dead_letters:
        yield "dead letters", overview.dead_letters
    of_limit = "" if quota.limit is None else f" of {quota.limit:,}"
    resets = span((quota.resets_at - overview.moment).total_seconds())
    pace = f"{quota.by_reset:,} by the reset in {resets} at this pace"
    yield "calls today", f"{quota.spent:,}{of_limit}; {pace}"
    if not overview.running:
        yield "running", "nothing"
    yield "rows", _sparks(overview)


def _alerts(overview: LiveOverview) -> str:
    named = [f"{each.condition} {each.subject}" for each in overview.alerts[:_SHOWN_ALERTS]]
    more = len(overview.alerts) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def _run(run: RunProgress) -> tuple[object, ...]:
    return (
        run.command,
        run.total.assets,
        run.total.rows,
        round(run.rows_a_second),
        run.total.calls,
        run.waits_for or "nothing",
        span(run.eta_sec) if run.eta_sec else None,
    )


def _sparks(overview: LiveOverview) -> str:
    """Return the rows of the last hours as a line of bars, the newest to the right."""
    known = {each.since: each.rows for each in overview.throughput}
    if not known:
        return "none in the last hours"
    begin = max(known)
    while begin + INTERVAL <= overview.moment:
        begin += INTERVAL
    rows = [known.get(begin - INTERVAL * place, 0) for place in range(48)][::-1]
    most = max(rows) or 1
    bars = "".join(_SPARKS[-(-each * (len(_SPARKS) - 1) // most)] for each in rows)
    return f"{bars.strip() or '-'} {sum(rows):,} in 4 hours"
