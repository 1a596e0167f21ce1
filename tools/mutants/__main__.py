"""The command `python -m tools.mutants`: seed the mistakes, print who caught each one."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tools.mutants.catalogue import MUTANTS
from tools.mutants.mutant import Mutant
from tools.mutants.run import Verdict, judge

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "testing.md"
# All but this share of the mistakes must be caught.
_MOST_SURVIVORS = 0.05
_TABLE = re.compile(r"(?<=<!-- mutants -->\n).*(?=<!-- end of mutants -->)", re.DOTALL)


@click.command()
@click.option("--only", default="", help="Names of mutants, with commas.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--seconds", type=float, default=300.0, show_default=True, help="Longest for one.")
@click.option("--page", is_flag=True, help=f"Renew the table in {PAGE.relative_to(ROOT)}.")
def mutants(only: str, jobs: int, seconds: float, page: bool) -> None:  # noqa: FBT001 - a flag
    """Seed small mistakes one at a time, and print which test catches each."""
    names = set(only.split(",")) - {""}
    if unknown := names - {mutant.name for mutant in MUTANTS}:
        raise click.BadParameter(f"not a mutant: {min(unknown)}")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    verdicts = []
    for verdict in judge(ROOT, chosen, jobs, seconds):
        verdicts.append(verdict)
        click.echo(_line(verdict))
    click.echo(_summary(verdicts))
    if page and not names:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(_TABLE.sub(lambda _: _table(verdicts), text), encoding="utf-8")
    survivors = sum(not verdict.caught_by for verdict in verdicts)
    sys.exit(survivors > _MOST_SURVIVORS * len(verdicts))


def _line(verdict: Verdict) -> str:
    end = verdict.caught_by or "SURVIVED"
    return f"{verdict.mutant.name:<40} {verdict.seconds:6.1f} s  {end}"


def _summary(verdicts: Sequence[Verdict]) -> str:
    caught = sum(bool(verdict.caught_by) for verdict in verdicts)
    double = [v.mutant for v in verdicts if v.mutant.circumstances > 1]
    return (
        f"{caught} of {len(verdicts)} mistakes caught; {len(double)} of them need two circumstances"
    )


def _table(verdicts: Sequence[Verdict]) -> str:
    rows = [
        f"| {v.mutant.name} | {_where(v.mutant)} | {v.mutant.harm} | {_by(v)} |" for v in verdicts
    ]
    head = ["| mistake | in | what would go wrong | caught by |", "|-|-|-|-|"]
    return "\n".join([_summary(verdicts) + ".", "", *head, *rows, ""])


def _where(mutant: Mutant) -> str:
    return f"`{mutant.file.removeprefix('src/data_nexus/')}`"


def _by(verdict: Verdict) -> str:
    path, _, test = verdict.caught_by.partition("::")
    return f"`{path.removeprefix('tests/')}` {test.removeprefix('test_').replace('_', ' ')}".strip()


if __name__ == "__main__":
    mutants()
