"""Reading again: whole histories that have not changed, beside the first load of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click
import psycopg

from bench.place import Place, warmed_sandbox
from bench.programs import MEASURED, NEXUS, backfill, discover, environment_of, run_python
from bench.report import Section, table
from data_nexus.app.vendor import SandboxVendor

_ASSETS, _BARS = 60, 5_000
_ROWS = _ASSETS * _BARS
_TOGETHER = (1, 10)
_REPAIR = (*NEXUS, "repair", "--exchange", "US", "--json")
_LISTED = (
    "INSERT INTO assets (symbol, exchange) SELECT 'S' || i, 'US' FROM generate_series(1, %s) i"
)


def measure_rereading(place: Place, rounds: int) -> Section:
    """Load and read again in turns; raise `RuntimeError` if a re-read finds anything changed."""
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        options = ("--symbols", str(_ASSETS), "--bars-per-symbol", str(_BARS), "--clean")
        vendor = stack.enter_context(warmed_sandbox(place, *options))
        listed = stack.enter_context(
            place.template(lambda url: discover(place.folder, vendor, url))
        )
        bare = stack.enter_context(place.template(_list_assets))
        for _ in range(rounds):
            for name, rate in _round(place, vendor, listed, bare).items():
                rates.setdefault(name, []).append(rate)
    header = ("", "rows/s", "each round")
    return Section("Reading again", table(header, map(_row, rates, rates.values())) + _NOTES)


def _round(place: Place, vendor: SandboxVendor, listed: str, bare: str) -> dict[str, float]:
    with place.copy_of(listed) as url:
        first = backfill(place.folder, vendor, url).answer
        again = run_python(_REPAIR, environment_of(vendor, url), place.folder).answer
    if (first["inserted"], again["unchanged"]) != (_ROWS, _ROWS):
        raise RuntimeError(f"{first['inserted']} rows inserted, {again['unchanged']} unchanged")
    rates = {
        "the first load, `nexus backfill`": _ROWS / first["duration_sec"],
        "reading again, `nexus repair`": _ROWS / again["duration_sec"],
    }
    for together in _TOGETHER:
        with place.copy_of(bare) as url:
            sizes = map(str, (_ASSETS, _BARS, together, 3))
            arguments: tuple[str | Path, ...] = (MEASURED / "recommit.py", *sizes)
            answer = run_python(arguments, {"DATABASE_URL": url}, place.folder).answer
        name = f"the commit alone, {together * _BARS:,} rows to a transaction"
        rates[name] = answer["rows"] / median(answer["seconds"])
    click.echo("  " + "; ".join(f"{name}: {rate:,.0f}" for name, rate in rates.items()))
    return rates


def _list_assets(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(_LISTED, (_ASSETS,))


def _row(name: str, rates: Sequence[float]) -> tuple[str, ...]:
    return name, f"{median(rates):,.0f}", ", ".join(f"{rate:,.0f}" for rate in rates)


_NOTES = f"""
{_ASSETS} assets of {_BARS:,} rows, of which none has changed; rows per second of `duration_sec`,
the median of the rounds. A re-read decodes and checks as a first load does, reads the splits and
dividends that are stored, and compares in columns. *The commit alone* takes answers that are
checked already: it locks, reads the stored rows, compares, and settles cursors and log.
"""
