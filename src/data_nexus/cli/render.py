"""Print answers: one JSON document, or tables and sentences for people.

Names, reasons and excerpts are the vendor's. What is printed is text alone: no markup, no link, no
emoji code and no character that a terminal obeys; styles are given beside a text, never in it.
"""

from __future__ import annotations

import json
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import click
from rich.cells import cell_len
from rich.text import Text

from data_nexus.domain import texts
from data_nexus.domain.texts import visible
from data_nexus.observe.waiting import SteadyConsole, waiting_display

# What commands say of a database without assets.
NOTHING_DISCOVERED = "No exchange was discovered yet; run: nexus discover --exchange US"
_GAP = "  "
# A column of text may become so narrow that its values fold into lines; not narrower.
_NARROWEST = 16
# So wide a text reads well; for less, columns that matter least are left out.
_READABLE = 20
Cells = list[str]
counted = texts.counted


class PlainConsole(SteadyConsole):
    """A console that prints every text as it is, with marks for what cannot be seen."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401
        """Return a text to be printed; every one that is not styled comes through here."""
        return super().render_str(visible(text), **options)

    def print(self, *texts: Any, **options: Any) -> None:  # noqa: ANN401
        """Print texts: on a screen wrapped between words, into a pipe or a file as they are."""
        if "soft_wrap" not in options and all(isinstance(text, str) for text in texts):
            texts = tuple(self.wrapped(text) for text in texts)
            options["soft_wrap"] = True
        super().print(*texts, **options)

    def wrapped(self, text: str) -> str:
        """Return a text with line ends between its words, for a screen; else as it is.

        A word that is longer than a line, as a path or a URL, stays whole, so that it can be
        copied.
        """
        if not self.is_terminal:
            return text
        return "\n".join(line for each in text.split("\n") for line in _lines(each, self.width))


console = PlainConsole()
error_console = PlainConsole(stderr=True)


def print_json(answer: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command on stdout."""
    click.echo(json.dumps(answer, indent=2, default=str))


def print_error(message: str, exit_code: int, *, as_json: bool) -> None:
    """Print an error as one line on stderr; with `--json` also as the document on stdout."""
    click.echo(error_console.wrapped(f"error: {visible(message)}"), err=True)
    if as_json:
        print_json({"error": message, "exit_code": exit_code})


def print_note(text: str) -> None:
    """Print a sentence on stderr that is not an error, beside a command's answer."""
    click.echo(error_console.wrapped(visible(text)), err=True)


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Print what the block warns of as sentences on stderr, each once, at its end."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(each.message) for each in caught):
        print_note(f"warning: {text}")


def print_hanging(head: str, text: str, *, style: str | None = None) -> None:
    """Print a text after a head; on a screen its later lines begin where its first one does."""
    lines = [text]
    if console.is_terminal:
        lines = _fold(text, max(_NARROWEST, console.width - len(head))).split("\n")
    indent = "\n" + " " * len(head)
    console.print(f"{head}{indent.join(lines)}", style=style)


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print facts as two columns; a value that is too long for the screen folds."""
    facts = [(visible(name), cell_text(value)) for name, value in pairs]
    width = max((cell_len(name) for name, _ in facts), default=0)
    for name, value in facts:
        folded = value
        if console.is_terminal:
            folded = _fold(value, max(_NARROWEST, console.width - width - len(_GAP)))
        _print_line((name, folded), (width, 0), set())


def shown(value: object) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings, numbers to the right.

    On a screen that is too narrow the widest column of text folds; if that is not enough, each row
    is printed as lines of names and values. Into a pipe or a file a row is one line, however long.
    """
    values = [*rows]
    texts = [[cell_text(value) for value in row] for row in values]
    numbers = {
        at for at in range(len(headings)) if any(isinstance(row[at], int | float) for row in values)
    }
    if console.is_terminal and _width([[*headings], *texts]) > console.width:
        folded = _folded([*headings], texts, numbers)
        if folded is None:
            _print_records(headings, texts)
            return
        texts = folded
    widths = _widths([[*headings], *texts])
    _print_line(headings, widths, numbers, "bold")
    for row in texts:
        _print_line(row, widths, numbers)


def print_fitting(rows: Sequence[Mapping[str, object]], spared: Sequence[str]) -> None:
    """Print rows under their keys; a screen that is too narrow does without some columns.

    The first of `spared` goes first; those that it does not name stay, and the widest text folds.
    """
    columns = {heading: [row[heading] for row in rows] for heading in rows[0]}
    for heading in spared:
        if not console.is_terminal or _narrowest(columns) <= console.width:
            break
        del columns[heading]
    print_table([*columns], [*zip(*columns.values(), strict=True)])


def _narrowest(columns: Mapping[str, Sequence[object]]) -> int:
    """Return how wide a table is whose widest column has folded as far as it reads well."""
    widths = [
        max(cell_len(text) for text in (heading, *map(cell_text, cells)))
        for heading, cells in columns.items()
    ]
    widths[widths.index(max(widths))] = min(max(widths), _READABLE)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def cell_text(value: object) -> str:
    """Return a value as a cell shows it: whole numbers in groups, moments to the minute."""
    if value == "":
        return ""
    if isinstance(value, float):
        return f"{value:,.10g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return visible(shown(value)).replace("\n", " ")


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    lines = [[max(map(cell_len, cell.split("\n"))) for cell in row] for row in rows]
    return [max(column) for column in zip(*lines, strict=True)]


def _width(rows: Sequence[Sequence[str]]) -> int:
    widths = _widths(rows)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _folded(headings: Cells, rows: list[Cells], numbers: set[int]) -> list[Cells] | None:
    """Return the rows with the widest text folded to fit the screen; None if that cannot be."""
    widths = _widths([headings, *rows])
    texts = [at for at in range(len(widths)) if at not in numbers]
    if not texts:
        return None
    widest = max(texts, key=lambda at: widths[at])
    room = widths[widest] - (_width([headings, *rows]) - console.width)
    if room < max(_NARROWEST, cell_len(headings[widest])):
        return None
    return [
        [_fold(cell, room) if at == widest else cell for at, cell in enumerate(row)] for row in rows
    ]


def _fold(text: str, width: int) -> str:
    lines = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
    # A wide character counts as two columns; then half as many fit.
    if any(cell_len(line) > width for line in lines):
        lines = textwrap.wrap(text, width // 2)
    return "\n".join(lines)


def _print_line(
    cells: Sequence[str], widths: Sequence[int], numbers: set[int], style: str = ""
) -> None:
    split = [cell.split("\n") for cell in cells]
    for number in range(max(map(len, split))):
        parts = []
        for at, lines in enumerate(split):
            text = lines[number] if number < len(lines) else ""
            blanks = " " * max(0, widths[at] - cell_len(text))
            parts.append(blanks + text if at in numbers else text + blanks)
        console.print(Text(_GAP.join(parts).rstrip(), style=style), soft_wrap=True)


def _print_records(headings: Sequence[str], rows: list[Cells]) -> None:
    width = max(map(cell_len, headings))
    for at, row in enumerate(rows):
        if at:
            console.print()
        for heading, cell in zip(headings, row, strict=True):
            name = heading + " " * (width - cell_len(heading))
            console.print(Text(f"{name}{_GAP}{cell}".rstrip()), soft_wrap=True)


def _lines(text: str, width: int) -> Iterator[str]:
    """Break a line between words; what follows is indented as it is."""
    if cell_len(text) <= width:
        yield text
        return
    indent = text[: len(text) - len(text.lstrip(" "))]
    line, *words = text.lstrip(" ").split(" ")
    line = indent + line
    for word in words:
        if cell_len(line) + 1 + cell_len(word) <= width:
            line = f"{line} {word}"
        else:
            yield line.rstrip()
            line = indent + word
    yield line.rstrip()


def waiting(what: str) -> AbstractContextManager[Callable[[str], None]]:
    """Say on stderr what a command is busy with, while a block takes longer than a second.

    The block gets a function that changes the text. It prints nothing on stdout meanwhile.
    """
    return waiting_display(error_console, what)
