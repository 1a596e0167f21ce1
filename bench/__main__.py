"""The command `python -m bench`: which scenarios run, and where the results go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from bench.discovery import measure_discovery
from bench.dispatch import measure_dispatch
from bench.fleet import LEAST_SEC, measure_fleet
from bench.memory import measure_memory
from bench.night_bulk import measure_night_in_bulk
from bench.place import Place, temporary_place
from bench.planning import measure_planning
from bench.reading import measure_reading
from bench.real import SYMBOLS, measure_real
from bench.report import Section, origin, publish
from bench.rereading import measure_rereading
from bench.snapshot import measure_snapshot
from bench.throughput import WAYS, measure_throughput

SCENARIOS = (
    *WAYS,
    "again",
    "memory",
    "dispatch",
    "plan",
    "night",
    "snapshot",
    "discovery",
    "fleet",
    "reading",
    "real",
)
_BY_ROUNDS = {
    "again": measure_rereading,
    "plan": measure_planning,
    "night": measure_night_in_bulk,
    "snapshot": measure_snapshot,
}
FLEET_SEC = 330
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
EXISTING = click.Path(exists=True, path_type=Path)


def _named(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the scenarios of a list with commas; refuse an unknown one."""
    chosen = tuple(value.split(","))
    if unknown := set(chosen) - set(SCENARIOS):
        raise click.BadParameter(f"there is no {min(unknown)!r}")
    return chosen


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--only", callback=_named, default=",".join(SCENARIOS), show_default=True)
@click.option(
    "--fleet-seconds",
    type=click.IntRange(min=LEAST_SEC),
    default=FLEET_SEC,
    show_default=True,
    help="How long the fleet works, twice.",
)
@click.option("--market-data", type=EXISTING, help="Folder of recorded bars; for `real`.")
@click.option("--symbols-file", type=EXISTING, help="A long symbol list; for `discovery`.")
@click.option("--out", type=click.Path(path_type=Path), default=PAGE, help="The page to renew.")
def bench(
    rounds: int,
    only: tuple[str, ...],
    fleet_seconds: int,
    market_data: Path | None,
    symbols_file: Path | None,
    out: Path,
) -> None:
    """Measure, print what was measured, and renew its sections of docs/benchmarks.md.

    Scenarios whose files are not named are left out.
    """
    if symbols_file is None and market_data is None and {"discovery", "real"} & set(only):
        click.echo("Without --market-data there is no `real` and no `discovery`.")
    with temporary_place() as place:
        command = _command(rounds, only, fleet_seconds, market_data, symbols_file)
        made = origin(command, str(place.answer("SHOW server_version")))
        for section in _sections(place, rounds, only, fleet_seconds, market_data, symbols_file):
            click.echo(f"\n{section.text}")
            publish(out, section, made)


def _sections(
    place: Place,
    rounds: int,
    only: tuple[str, ...],
    fleet_seconds: int,
    market_data: Path | None,
    symbols_file: Path | None,
) -> Iterator[Section]:
    if ways := [way for way in WAYS if way in only]:
        yield measure_throughput(place, rounds, ways)
    if "memory" in only:
        yield measure_memory(place)
    if "dispatch" in only:
        yield measure_dispatch(place)
    yield from (measure(place, rounds) for name, measure in _BY_ROUNDS.items() if name in only)
    listed = symbols_file or (market_data and market_data / SYMBOLS)
    if "discovery" in only and listed:
        yield measure_discovery(place, rounds, listed)
    if "fleet" in only:
        yield measure_fleet(place, fleet_seconds)
    if "reading" in only:
        yield measure_reading(place, rounds)
    if "real" in only and market_data:
        yield measure_real(place, market_data)


def _command(
    rounds: int,
    only: tuple[str, ...],
    fleet_seconds: int,
    market_data: Path | None,
    symbols_file: Path | None,
) -> str:
    """Return the command as anybody may give it: where files lie is each machine's own."""
    parts = ["python -m bench", f"--rounds {rounds}"]
    if only != SCENARIOS:
        parts.append(f"--only {','.join(only)}")
    if fleet_seconds != FLEET_SEC:
        parts.append(f"--fleet-seconds {fleet_seconds}")
    if market_data:
        parts.append("--market-data DIR")
    if symbols_file:
        parts.append(f"--symbols-file {symbols_file.name}")
    return " ".join(parts)


if __name__ == "__main__":
    bench()
