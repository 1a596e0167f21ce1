"""The memory with many assets: the engine's peak must not grow with their number."""

from __future__ import annotations

from contextlib import ExitStack

import click

from bench.place import Place, warmed_sandbox
from bench.programs import backfill, discover
from bench.report import Section, table

_MOST_MB = 200
_SHAPES = ((100, 5000), (10_000, 250))


def measure_memory(place: Place) -> Section:
    """Backfill few assets with long histories, then many with short ones."""
    rows = [_measure(place, assets, bars) for assets, bars in _SHAPES]
    header = (
        "assets, rows each",
        "peak RSS, MB",
        "promised",
        "rows/s",
        "seconds",
        "commits with rows",
    )
    return Section("Memory", table(header, rows) + _NOTES)


def _measure(place: Place, assets: int, bars: int) -> tuple[str, ...]:
    click.echo(f"{assets:,} assets of {bars:,} rows:")
    with ExitStack() as stack:
        options = ("--symbols", str(assets), "--bars-per-symbol", str(bars), "--clean")
        vendor = stack.enter_context(warmed_sandbox(place, *options))
        template = place.template(lambda url: discover(place.folder, vendor, url))
        url = stack.enter_context(place.copy_of(stack.enter_context(template)))
        done = backfill(place.folder, vendor, url)
    if done.answer["inserted"] != assets * bars:
        raise RuntimeError(f"{done.answer['inserted']:,} rows instead of {assets * bars:,}")
    peak, seconds = done.peak_rss / 1e6, done.answer["duration_sec"]
    click.echo(f"  {peak:.0f} MB, {seconds:.2f} s")
    return (
        f"{assets:,} of {bars:,}",
        f"{peak:.0f}",
        f"≤ {_MOST_MB}",
        f"{assets * bars / seconds:,.0f}",
        f"{seconds:.2f}",
        f"{done.answer['commits']:,}",
    )


_NOTES = """
The peak is what Linux counts for the whole process (`ru_maxrss`), the interpreter included. One
run each: a memory peak, not a speed.
"""
