"""The plan of a long load: `nexus plan` with many assets due, and nothing spent for it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from statistics import median

import click
import psycopg

from bench.place import Place, warmed_sandbox
from bench.programs import NEXUS, Finished, backfill, discover, environment_of, run_python
from bench.report import Section, table
from data_nexus.app.vendor import SandboxVendor

_ASSETS = 100_000
_MOST_SEC = 2.0
_INSERT = """
INSERT INTO assets (symbol, exchange, venue, name, asset_type, country, currency)
SELECT 'S' || i, CASE WHEN mod(i, 3) = 0 THEN 'LSE' ELSE 'US' END, 'NYSE', 'Company ' || i,
       'Common Stock', 'USA', 'USD'
FROM generate_series(1, %s) i
"""


def measure_planning(place: Place, rounds: int) -> Section:
    """Plan a first load round after round; raise `RuntimeError` if a plan is wrong or asks."""
    with ExitStack() as stack:
        vendor = stack.enter_context(warmed_sandbox(place, "--symbols", "1", "--clean"))
        template = place.template(lambda url: _fill(place, vendor, url))
        url = stack.enter_context(place.copy_of(stack.enter_context(template)))
        asked = _requests(vendor)
        plans = [_plan(place, vendor, url) for _ in range(rounds)]
        if _requests(vendor) != asked:
            raise RuntimeError("the plan asked the vendor")
    seconds = [plan.wall_sec for plan in plans]
    row = (
        f"{_ASSETS:,}",
        f"{median(seconds):.2f}",
        f"≤ {_MOST_SEC:g}",
        ", ".join(f"{each:.2f}" for each in seconds),
        f"{max(plan.peak_rss for plan in plans) / 1e6:.0f}",
        "0",
    )
    header = (
        "assets due",
        "whole process, s",
        "promised",
        "each round",
        "peak RSS, MB",
        "requests sent",
    )
    return Section("Planning", table(header, [row]) + _NOTES)


def _fill(place: Place, vendor: SandboxVendor, url: str) -> None:
    """Load one asset, so that the quota is known, and add those that are to be planned."""
    discover(place.folder, vendor, url)
    backfill(place.folder, vendor, url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_INSERT, (_ASSETS,))
        connection.execute("VACUUM ANALYZE assets")


def _plan(place: Place, vendor: SandboxVendor, url: str) -> Finished:
    done = run_python(
        (*NEXUS, "plan", "--days-old", "1", "--json"), environment_of(vendor, url), place.folder
    )
    if done.answer["calls"] != _ASSETS or done.answer["quota_left"] is None:
        raise RuntimeError(f"not the plan of {_ASSETS:,} assets: {done.answer}")
    click.echo(f"  plan of {_ASSETS:,} assets: {done.wall_sec:.2f} s")
    return done


def _requests(vendor: SandboxVendor) -> int:
    return int(json.loads(vendor.ask("/stats"))["requests"])


_NOTES = """
The median of the rounds of `nexus plan --json`, as a whole process: Python's start, the imports
and the end included. The assets wait for their first load; the quota is known from an earlier run.
*Requests sent* is the vendor's own count; the run stops with an error when it is not zero.
"""
