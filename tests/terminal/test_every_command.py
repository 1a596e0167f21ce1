"""Every command, on a small screen, a larger one without colours, a dumb one, and in a pipe.

No value is cut, no line is longer than the screen unless it is data or one word, and the terminal
is as it was found: cursor, modes, and the prompt on a line of its own.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import click
import pytest
from rich.cells import cell_len

from data_nexus.cli.main import nexus
from tests.support.campaign import sized
from tests.support.programs.commands import Commands
from tests.support.programs.terminals import Left, Size, forked_on, started
from tests.terminal.conftest import LONG_NAME, PARKED

SIZES = {
    "80x24": Size(80, 24),
    "120x40 NO_COLOR": Size(120, 40, {"TERM": "xterm-256color", "NO_COLOR": "1"}),
    "80x24 dumb": Size(80, 24, {"TERM": "dumb"}),
}
WIDE = Size(200, 50)
# What each command is tried with; one that is not here, with nothing.
TRIED = {
    "assets": ["", "--search apple"],
    "bars": ["AAPL.US", "AAPL.US MSFT.US --adjust total", "AAPL.US --format csv", "NOPE.US"],
    "backfill": ["--symbols AAPL.US --days-old 0", "--exchange NOPE"],
    "changes": ["--since 2y"],
    "completion install": ["--shell zsh"],
    "completion remove": ["--shell zsh"],
    "completion show": ["", "--shell fish"],
    "coverage": ["", "AAPL.US MSFT.US"],
    "dead-letters drop": [""],
    "dead-letters retry": [""],
    "dead-letters show": [PARKED],
    "discover": ["--exchange US", "--exchange NOPE"],
    "export lake": ["--to lake"],
    **{
        f"export {name}": [f"--symbols AAPL.US,MSFT.US --out {name}-export --force"]
        for name in ("csv", "parquet", "arrow", "zipline", "qlib", "lean", "nautilus", "backtrader")
    },
    "get": ["AAPL.US"],
    "listings": ["MSFT.US"],
    "pause": ["AMZN.US"],
    "plan": ["", "--days-old 0"],
    "plot": ["AAPL.US", "AAPL.US MSFT.US --compare", "AAPL.US --out aapl.svg"],
    "resume": ["AAPL.US"],
    "status": ["", "--verbose"],
    "suspicions accept": ["AAPL.US"],
    "top": ["", "--once"],
    "watchlist add": ["mine AAPL.US"],
    "watchlist create": ["mine AAPL.US"],
    "watchlist remove": ["mine VTI.US"],
    "watchlist show": ["mine", "nope"],
}
# They work until they are stopped, or ask; the demo has tests of its own.
ENDLESS = {"worker", "run", "sandbox", "serve", "top"}
ELSEWHERE = {"demo", "db shell"}
PATIENCE_SEC, MOMENT_SEC = 60.0, 3.0
# Their answer is data, to be taken whole: rows of a file, a script, one URL, one document.
DATA = re.compile(r"--format csv|completion show|db url|--json|^sandbox")
CUT = re.compile(r"[^\s(=/|,:]…|…\w")
COLOR = re.compile(rb"\x1b\[[\d;]*[34]\d")


def paths(command: click.Command = nexus, path: str = "") -> Iterator[str]:
    """Every command that a person can give."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child and not child.hidden:
            yield from paths(child, f"{path} {name}".strip())


PATHS = [path for path in paths() if path not in ELSEWHERE]
LINES = [f"{path} {options}".strip() for path in PATHS for options in TRIED.get(path, [""])]


def ended(commands: Commands, size: Size, line: str) -> Left:
    """How a command left the terminal; one that goes on is stopped, as by Ctrl-C."""
    words = shlex.split(line)
    with forked_on(commands, size, *words) as running:
        with suppress(subprocess.TimeoutExpired):
            running.child.wait(MOMENT_SEC if words[0] in ENDLESS else PATIENCE_SEC)
        running.interrupt()
        return running.end()


def faults(left: Left, size: Size, line: str) -> list[str]:
    """What is wrong with a page and with the terminal."""
    found = [f"cut: {each}" for each in left.page if CUT.search(each)]
    if not DATA.search(line):
        found += [
            f"too wide: {each}"
            for each in left.page
            if cell_len(each) > size.columns and len(each.split()) > 1
        ]
    checks = {
        "a bug of ours": left.code == 1,
        "the cursor is hidden": not left.shows_cursor,
        "the modes are changed": not left.keeps_modes,
        "the prompt is not on a line of its own": left.column > 0,
        "a dumb terminal is driven": size.environment["TERM"] == "dumb" and b"\x1b" in left.raw,
        "colours in spite of NO_COLOR": "NO_COLOR" in size.environment and COLOR.search(left.raw),
    }
    return found + [name for name, holds in checks.items() if holds]


def test_what_is_tried_exists() -> None:
    assert {*TRIED, *ENDLESS, *ELSEWHERE} - {*paths()} == set()


# Of the smallest screen all in every run; of each other one line in three.
STRIDE = sized(3, 1)
SHOWN = [
    (size, line)
    for start, size in enumerate(SIZES)
    for line in (LINES[start % STRIDE :: STRIDE] if start else LINES)
]


@pytest.mark.sized(1 / STRIDE, "of what larger and dumb screens show")
@pytest.mark.parametrize(("size", "line"), SHOWN)
def test_a_command_shows_all_and_leaves_the_terminal_as_it_was(
    loaded: Commands, size: str, line: str
) -> None:
    left = ended(loaded, SIZES[size], line)
    assert faults(left, SIZES[size], line) == [], "\n".join(left.page)


@pytest.mark.parametrize("path", ["", *PATHS])
def test_help_fits_the_screen(loaded: Commands, path: str) -> None:
    left = ended(loaded, SIZES["80x24"], f"{path} --help")
    assert (left.code, faults(left, SIZES["80x24"], "")) == (0, [])


@pytest.mark.parametrize("path", ["bars", "sandbox", "db copy"])
def test_help_fills_the_screen_up_to_what_is_read_well(loaded: Commands, path: str) -> None:
    widths = {}
    for size in (Size(100, 30), WIDE):
        page = ended(loaded, size, f"{path} --help").page
        assert [line for line in page if line.endswith("...") and "Usage" not in line] == []
        widths[size.columns] = max(map(cell_len, page))
    assert 80 < widths[100] <= 100
    assert 100 < widths[200] <= 120


@pytest.mark.parametrize("line", [each for each in LINES if each.split()[0] not in ENDLESS])
def test_through_a_pipe_nothing_is_cut_or_painted(loaded: Commands, line: str) -> None:
    done = loaded.run(*shlex.split(line))
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    assert [each for each in lines if CUT.search(each) or "\x1b" in each] == []
    assert [each for each in lines if each != each.rstrip()] == []


@pytest.mark.parametrize(
    "line",
    [
        *("bars AAPL.US", "config", "dead-letters list", f"dead-letters show {PARKED}", "follow"),
        *("listings MSFT.US", "watchlist list", "watchlist show mine", "suspicions list"),
    ],
)
@pytest.mark.parametrize("size", [SIZES["80x24"], WIDE], ids=["80x24", "200x50"])
def test_a_screen_shows_every_word_that_a_pipe_gets(
    loaded: Commands, size: Size, line: str
) -> None:
    """A long name may fold, within a word too if that has no blanks."""
    piped = loaded.run(*shlex.split(line)).stdout
    page = " ".join(ended(loaded, size, line).page)
    whole = "".join(page.split())
    missing = {word for word in piped.split() if word not in whole}
    assert {word for word in missing if not is_folded(word, page)} == set()


def is_folded(word: str, page: str) -> bool:
    """Whether all of a long word is on the page, in pieces."""
    halves = (word[: len(word) // 4], word[-(len(word) // 4) :])
    return len(word) > 16 and all(half in page for half in halves)


def test_a_long_name_is_shown_whole(loaded: Commands) -> None:
    page = " ".join(ended(loaded, SIZES["80x24"], "watchlist show mine").page).split()
    shown = [word for word in page if word in LONG_NAME.split()]
    assert len(shown) >= len(LONG_NAME.split()) - 1


def test_the_status_fits_a_screen_and_leaves_zeros_out(loaded: Commands) -> None:
    page = [line for line in ended(loaded, SIZES["80x24"], "status").page if line]
    assert len(page) <= 12
    assert not re.search(r"(?<![\d,.-])0 (?!s\b)", "\n".join(page))
    assert re.search(r"last runs +\w+, ", "\n".join(page))


def test_a_chart_leaves_room_for_its_heading(loaded: Commands) -> None:
    for size in (SIZES["80x24"], Size(120, 40)):
        page = ended(loaded, size, "plot AAPL.US").page
        assert page[0].startswith("AAPL.US")
        assert len("\n".join(page).rstrip().splitlines()) < size.rows


def test_psql_leaves_the_terminal_as_it_was(loaded: Commands) -> None:
    with started(loaded, SIZES["80x24"], "db", "shell") as running:
        running.shows('Type "help" for help.')
        running.type(b"SELECT 6 * 7 AS answer;\n")
        running.shows("42")
        running.type(b"\\q\n")
        left = running.end()
    assert (left.code, left.keeps_modes, left.shows_cursor) == (0, True, True)
