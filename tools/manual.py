"""Write the manual page `nexus.1` from the commands, as `make docs` does; a test compares it.

The wheel installs it into `share/man/man1`, where `man nexus` finds it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from data_nexus import __version__
from data_nexus.cli.look.status import status
from data_nexus.cli.main import COMMANDS, nexus
from data_nexus.config import SETTINGS
from tools.reference import walk

FILE = Path(__file__).parent.parent / "data" / "share" / "man" / "man1" / "nexus.1"
_KEYS = (
    ("EODHD_API_KEY", "the vendor's key; no option and no file of settings accepts it"),
    ("EODHD_API_KEY_FILE", "a file with the key, readable by its owner only"),
)
_SHARED = frozenset({"as_json", "log_format", "log_level"})
_CODES = (
    ("0", "done"),
    ("1", "a bug of ours; please report it"),
    ("2", "usage or configuration"),
    ("3", "done, but with dead letters or failed checks"),
    ("4", "the quota is used up; run it again to go on"),
    ("5", "the vendor refuses the key"),
    ("6", "the vendor is unavailable"),
    ("7", "the database or the disk is unavailable"),
    ("8", "an invariant is broken"),
    ("75", "a signal ended it with work left; run it again to go on"),
    ("130, 143", "a signal ended it at once"),
)


def page() -> str:
    """Return the manual page, in the man macros of roff."""
    lines = [
        f'.TH NEXUS 1 "" "data-nexus {__version__}" "Data Nexus"',
        *(".SH NAME", r"nexus \- your own market database, kept complete and true"),
        *(".SH SYNOPSIS", ".B nexus", ".I command", "[options]", ".br", ".B nexus", ".I command"),
        *(r".B \-\-help", ".SH DESCRIPTION", *_paragraphs(nexus.help)),
    ]
    commands = list(walk(nexus, "nexus"))
    for heading, section in COMMANDS.items():
        lines.append(f".SH {heading.upper()}")
        for path, command in commands:
            if path.split()[1] in section:
                lines += _command(path, command)
    lines += [".SH OPTIONS OF MOST COMMANDS", *_options(status, shared=True)]
    lines.append(".SH ENVIRONMENT")
    lines += _terms([*_KEYS, *((s.variable, s.meaning) for s in SETTINGS)])
    lines.append(".SH EXIT STATUS")
    lines += _terms(_CODES)
    lines += [".SH SEE ALSO", *_paragraphs("The pages in the folder docs of the project.")]
    return "\n".join(lines) + "\n"


def write() -> None:
    """Write the page."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(page(), encoding="ascii")


def _command(path: str, command: click.Command) -> Iterator[str]:
    """Yield a command's line, its help and the options that are its own."""
    pieces = command.collect_usage_pieces(click.Context(command))
    yield f".SS {_text(' '.join([path, *pieces]))}"
    yield from _paragraphs(command.help)
    yield from _options(command, shared=False)


def _options(command: click.Command, *, shared: bool) -> Iterator[str]:
    """Yield the options that most commands have, or all others."""
    context = click.Context(command)
    for each in command.params:
        is_shared = each.name in _SHARED
        record = each.get_help_record(context) if isinstance(each, click.Option) else None
        if record and is_shared == shared:
            yield from _terms([record])


def _terms(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in pairs:
        yield from (".TP", f".B {_text(term)}", _text(meaning))


def _paragraphs(text: str | None) -> Iterator[str]:
    """Yield paragraphs; one that click must not wrap, marked by a backspace, keeps its lines."""
    for part in inspect.cleandoc(text or "").split("\n\n"):
        yield ".PP"
        kept = part.startswith("\b\n")
        lines = part.removeprefix("\b\n").splitlines()
        yield from (*([".nf"] if kept else []), *map(_text, lines), *([".fi"] if kept else []))


def _text(line: str) -> str:
    """Return a line as roff reads it: no request, no hyphen for a minus, and only ASCII."""
    escaped = line.replace("\\", r"\e").replace("-", r"\-")
    escaped = re.sub(r"[^\x00-\x7f]", lambda found: rf"\[u{ord(found[0]):04X}]", escaped)
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    write()
