"""House law 8: what exists stands in the reference pages, and what they name exists.

The pages are read as a person reads them: a thing is named where it is a code span or fills a
table cell. The expectations come from the running objects, never from whatever wrote the pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import get_args

import click
import pytest
from sqlalchemy import Table

import data_nexus
from data_nexus import errors
from data_nexus.cli.main import nexus
from data_nexus.config import SETTINGS, TOKEN_VARIABLES
from data_nexus.database.models import Tables
from data_nexus.domain.actions import ACTION_RULES, BULK_RULES
from data_nexus.domain.adjustment.findings import FINDING_RULES
from data_nexus.domain.validation.rules import BAR_RULES
from data_nexus.events import Event
from data_nexus.observe.metric_table import METRICS
from tests.support.source import files, read
from tools.reference import pages

REFERENCE = "docs/reference"
CONTRIBUTING = "docs/contributing.md"
# A path to a file of ours, from the root or below the package; a name alone may be anybody's.
FILE = re.compile(r"(?<![\w./*-])[\w-]+(?:/[\w-]+)+\.(?:py|sql|md|toml|ini)(?![\w.])")
PAGES = [path for path in ("README.md", *files("docs")) if path.endswith(".md")]
EXIT_CODES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "75", "130", "143")


def named(text: str) -> set[str]:
    """What the text names: code spans, the words in them, and table cells."""
    spans = re.findall(r"`([^`\n]+)`", text)
    cells = [cell.strip(" `*") for cell in re.findall(r"(?<=\|)[^|\n]+(?=\|)", text)]
    return {*spans, *cells, *re.findall(r"[^\s,|\[\]()=]+", " ".join(spans))}


def sections(page: str) -> dict[str, str]:
    """The page's sections by the first code span in their heading."""
    parts = re.split(r"^#+ (.*)$", read(f"{REFERENCE}/{page}"), flags=re.MULTILINE)
    headings = (re.search(r"`([^`]+)`", heading) for heading in parts[1::2])
    return {
        heading[1]: body for heading, body in zip(headings, parts[2::2], strict=True) if heading
    }


def exists(name: str) -> Iterator[bool]:
    """Say of each file of the project whether a page that writes `name` means it."""
    for path in files("."):
        yield path == name or path.endswith(f"/{name}")


def section(page: str) -> str:
    """The last section of a page."""
    return read(page).rpartition("\n## ")[2]


def commands(
    command: click.Command = nexus, path: str = "nexus"
) -> Iterator[tuple[str, click.Command]]:
    """Every command that a user can give, with its full name."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child and not child.hidden:
            yield from commands(child, f"{path} {name}")


def options(command: click.Command) -> list[str]:
    """Every spelling of every option except `--help`."""
    return [
        spelling
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    ]


COMMANDS = dict(commands())


def groups(command: click.Command = nexus, path: str = "nexus") -> Iterator[tuple[str, str]]:
    """The help of every command that lists others, in a terminal of 80 columns."""
    if isinstance(command, click.Group):
        context = click.Context(command, terminal_width=80)
        yield path, command.get_help(context)
        for name in command.list_commands(context):
            if child := command.get_command(context, name):
                yield from groups(child, f"{path} {name}")


@pytest.mark.parametrize(("name", "text"), list(groups()))
def test_no_sentence_of_a_list_of_commands_is_cut(name: str, text: str) -> None:
    listed = text.partition("Show this message and exit.")[2]
    assert listed.strip(), name
    assert [line for line in listed.splitlines() if line.endswith("...")] == []
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("page", pages())
def test_make_docs_would_change_nothing(page: str) -> None:
    assert read(f"{REFERENCE}/{page}") == pages()[page]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained_with_its_options(name: str) -> None:
    page = sections("commands.md")
    assert name in page
    assert set(options(COMMANDS[name])) - named(page[name]) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_shows_exists(page: str) -> None:
    first_words = {name.split()[1] for name in COMMANDS}
    shown = re.findall(r"(?:`|^\$ |^)nexus ([a-z][a-z-]*)", read(page), flags=re.MULTILINE)
    assert set(shown) - first_words == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    named_files = set(FILE.findall(" ".join(re.findall(r"`([^`\n]+)`", read(page)))))
    assert {name for name in named_files if not any(exists(name))} == set()


def test_contributing_names_a_file_for_each_of_its_changes() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section(CONTRIBUTING), re.MULTILINE)[1:]
    assert len(rows) == 17
    assert [change for change, first in rows if not re.search(r"`[\w/]+(\.\w+|/)`", first)] == []


def test_every_public_name_is_explained() -> None:
    assert set(data_nexus.__all__) - named(read(f"{REFERENCE}/python.md")) == set()


def test_every_setting_is_explained() -> None:
    variables = {*TOKEN_VARIABLES, *(setting.variable for setting in SETTINGS)}
    assert variables - named(read(f"{REFERENCE}/settings.md")) == set()


def test_every_metric_is_explained_with_its_labels() -> None:
    lines = {line.partition("`")[2].partition("`")[0]: named(line) for line in _metric_lines()}
    assert {metric.name for metric in METRICS} == lines.keys()
    assert [m.name for m in METRICS if set(m.labels) - lines[m.name]] == []


def _metric_lines() -> list[str]:
    return [line for line in read(f"{REFERENCE}/metrics.md").splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("event", get_args(Event))
def test_every_log_event_is_explained_with_its_fields(event: type) -> None:
    page = sections("events.md")
    assert event.__name__ in page
    assert {each.name for each in fields(event)} - named(page[event.__name__]) == set()


def test_every_rule_is_explained() -> None:
    rules = {rule.name for rule in BAR_RULES} | {*ACTION_RULES, *BULK_RULES, *FINDING_RULES}
    assert rules - named(read(f"{REFERENCE}/rules.md")) == set()


def test_every_error_is_explained_beside_its_exit_code() -> None:
    lines = [named(line) for line in read(f"{REFERENCE}/errors.md").splitlines()]
    classes = {
        (name, str(value.exit_code))
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.NexusError)
    }
    assert {pair for pair in classes if not any(set(pair) <= line for line in lines)} == set()


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_CODES) - named(read(f"{REFERENCE}/errors.md")) == set()


@pytest.mark.parametrize("table", Tables.metadata.sorted_tables, ids=str)
def test_every_table_is_explained_with_its_columns(table: Table) -> None:
    page = sections("tables.md")
    assert table.name in page
    assert set(table.columns.keys()) - named(page[table.name]) == set()
