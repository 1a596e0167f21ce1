"""The command `nexus doctor`."""

from __future__ import annotations

import os
from typing import Any

import click

from data_nexus.app.doctor import Diagnosis, Examination, LineMark, examine
from data_nexus.cli.options import output_options
from data_nexus.cli.render import console, counted, print_hanging, print_json, waiting

_STYLES = {LineMark.OK: None, LineMark.WARNING: "yellow", LineMark.ERROR: "red"}


@click.command()
@output_options
def doctor(as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001
    """Check key, plan, network, database, disk and files.

    Each line is ok, a warning or an error, with what to do. One request is sent, for the account:
    it costs no call. The embedded database is started if it is there; nothing is written to it.
    Ends with 3 if a line is an error.
    """
    with waiting("asking the vendor, opening the database"):
        found = examine(options, os.environ)
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found)
    return 0 if found.is_well else 3


def _show(found: Examination) -> None:
    for line in found.lines:
        _show_line(line)
    errors, warnings = found.count(LineMark.ERROR), found.count(LineMark.WARNING)
    if errors or warnings:
        console.print(f"{counted(errors, 'error')}, {counted(warnings, 'warning')}")
    else:
        console.print("All is well.")


def _show_line(line: Diagnosis) -> None:
    print_hanging(f"{line.mark:<7}  ", f"{line.name}: {line.seen}", style=_STYLES[line.mark])
    if line.remedy:
        print_hanging("         → ", line.remedy)
