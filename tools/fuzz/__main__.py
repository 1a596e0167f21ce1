"""Run the fuzz: `python -m tools.fuzz --executions 1000000 --seed 7`, prints a table at the end."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tools.fuzz.loop import Campaign
from tools.fuzz.targets import TARGETS

_NOTE_SEC = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Run, print the table, and return 1 if there were findings."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--executions", type=int, default=200_000, help="in all, those kept too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", help="only this one; may be given repeatedly")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="progress and findings")
    options = parser.parse_args(arguments)
    chosen = tuple(t for t in TARGETS if not options.target or t.name in options.target)
    campaign = Campaign(chosen, options.seed, options.folder)
    noted = time.monotonic()

    def note(campaign: Campaign) -> None:
        nonlocal noted
        if time.monotonic() - noted >= _NOTE_SEC:
            noted = time.monotonic()
            _say(f"{campaign.executions:,} executions, {campaign.findings} findings")

    try:
        campaign.run(options.executions, note)
    except KeyboardInterrupt:
        _say("stopped; the same command continues")
    _say(table(campaign))
    return int(campaign.findings > 0)


def table(campaign: Campaign) -> str:
    """Return what each target has been through, as text."""
    lines = [f"{'target':16}{'executions':>14}{'refused':>12}{'slowest':>12}{'findings':>10}"]
    for name, tally in campaign.tallies.items():
        slowest = f"{tally.slowest_sec * 1000:,.1f} ms"
        figures = f"{tally.executions:14,}{tally.refused:12,}{slowest:>12}"
        lines.append(f"{name:16}{figures}{len(tally.findings):10}")
    lines.append(f"{'all':16}{campaign.executions:14,}")
    lines += [
        f"{name}: {kind}: findings/{file}"
        for name, tally in campaign.tallies.items()
        for kind, file in tally.findings.items()
    ]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
