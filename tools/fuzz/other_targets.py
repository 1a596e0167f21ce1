"""The readers of what a person or another program writes: settings, manifests, arguments."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import click

from data_nexus.cli.main import nexus
from data_nexus.config import load_settings
from data_nexus.domain.dates import parse_moment
from data_nexus.domain.symbol import exchange_code, parse_symbol
from data_nexus.errors import UsageError
from data_nexus.research.snapshots.manifest import decoded

_NOTHING: frozenset[str] = frozenset()
# Loaded before anything is timed.
_COMMANDS = [
    nexus.get_command(click.Context(nexus), n) for n in nexus.list_commands(click.Context(nexus))
]
_PARSERS: tuple[Callable[[str], object], ...] = (parse_symbol, exchange_code, parse_moment)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this run, removed when it ends."""
    return tempfile.TemporaryDirectory(prefix="nexus-fuzz-")


def settings(body: bytes) -> frozenset[str]:
    """Read a `nexus.toml` in the home of the program."""
    folder = Path(_folder().name)
    (folder / "nexus.toml").write_bytes(body)
    load_settings(environ={"NEXUS_HOME": str(folder)}, folder=folder)
    return _NOTHING


def manifest(body: bytes) -> frozenset[str]:
    """Read the manifest of a snapshot."""
    decoded(body, "lake")
    return _NOTHING


def arguments(body: bytes) -> frozenset[str]:
    """Parse a command line, a word a line, and each word as a symbol, an exchange and a moment."""
    words = [os.fsdecode(word) for word in body.replace(b"\0", b"").split(b"\n")]
    for word in words:
        for parse in _PARSERS:
            try:
                parse(word)
            except UsageError as error:
                str(error).encode("utf-8", "surrogateescape")
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        _parse(nexus, words)
    return _NOTHING


def _parse(command: click.Command, words: list[str]) -> None:
    """Parse as far as the subcommand that the words name; run nothing."""
    try:
        context = command.make_context(command.name, list(words))
        while isinstance(context.command, click.Group):
            rest = [*context._protected_args, *context.args]  # noqa: SLF001 - the public name warns
            if not rest:
                return
            name, found, rest = context.command.resolve_command(context, rest)
            if found is None:
                return
            context = found.make_context(name, rest, parent=context)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        return
