"""`nexus --help` lists each command once, on one line, under the heading of its folder."""

from __future__ import annotations

import re

import click
import pytest

from data_nexus.cli.main import COMMANDS, nexus

HEADINGS = ("Start", "Load", "Look", "Export", "Run")


def help_page() -> str:
    """What `nexus --help` prints on a terminal of 80 columns."""
    return nexus.get_help(click.Context(nexus, info_name="nexus", terminal_width=80))


def test_commands_are_listed_under_headings_each_on_one_line() -> None:
    sections = re.split(r"^(\w+):\n", help_page(), flags=re.MULTILINE)
    shown = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert tuple(shown)[1:] == tuple(COMMANDS) == HEADINGS
    for heading in HEADINGS:
        lines = [line.split()[0] for line in shown[heading].splitlines() if line]
        assert lines == list(COMMANDS[heading])


def test_the_page_fits_80_columns() -> None:
    assert [line for line in help_page().splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_command_stands_under_the_heading_of_its_folder(heading: str) -> None:
    folders = {place.split(".")[-2] for place in COMMANDS[heading].values()} - {"sandbox"}
    assert folders == {heading.lower()}


def test_an_unknown_command_is_refused() -> None:
    assert nexus.get_command(click.Context(nexus), "no-such-command") is None
