"""The command `python -m tools.mutants`: seed the mistakes, print which test catches each one."""

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
@click.option("--only", default="", help="Names of mistakes, with commas.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--seconds", type=float, default=240.0, show_default=True, help="Longest for one.")
@click.option("--page", is_flag=True, help=f"Renew the table in {PAGE.relative_to(ROOT)}.")
def mutants(only: str, jobs: int, seconds: float, page: bool) -> None:  # noqa: FBT001 - a flag
    """Seed small mistakes one at a time, and print which test catches each."""
    names = set(only.split(",")) - {""}
    if unknown := names - {mutant.name for mutant in MUTANTS}:
        raise click.BadParameter(f"not a mistake of the list: {min(unknown)}")
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    verdicts = []
    for verdict in judge(ROOT, chosen, jobs, seconds):
        verdicts.append(verdict)
        click.echo(_line(verdict))
    click.echo(summary(verdicts))
    if page and not names:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(_TABLE.sub(lambda _: table(verdicts), text), encoding="utf-8")
    survivors = sum(not verdict.caught_by for verdict in verdicts)
    has_trouble = any(verdict.trouble for verdict in verdicts)
    sys.exit(has_trouble or survivors > _MOST_SURVIVORS * len(verdicts))


def summary(verdicts: Sequence[Verdict]) -> str:
    """Say how many mistakes were caught."""
    caught = sum(bool(verdict.caught_by) for verdict in verdicts)
    double = sum(verdict.mutant.circumstances > 1 for verdict in verdicts)
    return f"{caught} of {len(verdicts)} mistakes caught; {double} of them need two circumstances"


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as a table of a page."""
    rows = [
        f"| {v.mutant.name} | `{_place(v.mutant)}` | {v.mutant.harm} | {_catcher(v)} |"
        for v in verdicts
    ]
    head = ["| mistake | in | what would go wrong | caught by |", "|-|-|-|-|"]
    return "\n".join([f"{summary(verdicts)}.", "", *head, *rows, ""])


def _line(verdict: Verdict) -> str:
    end = verdict.trouble or verdict.caught_by or "SURVIVED"
    return f"{verdict.mutant.name:<48} {verdict.seconds:6.1f} s  {end}"


def _place(mutant: Mutant) -> str:
    return mutant.file.removeprefix("src/data_nexus/")


def _catcher(verdict: Verdict) -> str:
    path, _, test = verdict.caught_by.partition("::")
    if not test:
        return "**nothing**"
    sentence = test.partition("[")[0].removeprefix("test_").replace("_", " ")
    return f"`{path.removeprefix('tests/')}` {sentence}"


if __name__ == "__main__":
    mutants()
