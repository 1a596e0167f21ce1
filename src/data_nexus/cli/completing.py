"""Complete names at the tab key: symbols, exchanges and watchlists of the database in use.

A shell waits for the answer, so it comes soon or is empty. No server is started, and none is waited
for longer than a second; a database that cannot be read completes nothing, without a word.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Sequence

import click
import msgspec
from click.shell_completion import CompletionItem

from data_nexus.config import TOKEN_VARIABLES, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import names_file
from data_nexus.database.reader.listed.known_names import KnownNames, kept_names, read_names
from data_nexus.errors import NexusError

_PATIENCE_SEC = 1.0
_SHOWN = 200
_PART = 1 << 16


class Name(click.ParamType[str]):
    """A text that names something in the database; `among` gives the names of its kind."""

    def __init__(self, metavar: str, among: Callable[[KnownNames], list[str]]) -> None:
        self.name = metavar
        self._among = among

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the text; whether there is such a thing is for the command to say."""
        del param, ctx
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin as the word does."""
        del ctx, param
        return [CompletionItem(each) for each in self.fitting(incomplete)]

    def fitting(self, word: str) -> list[str]:
        """Return what the word may become."""
        return beginning_with(word, self._among(known_names()))


class NameList(Name):
    """Names with commas between them; the last one is completed."""

    def fitting(self, word: str) -> list[str]:
        """Return what the word may become."""
        before, comma, last = word.rpartition(",")
        return [f"{before}{comma}{each}" for each in super().fitting(last)]


def beginning_with(word: str, names: Sequence[str], most: int = _SHOWN) -> list[str]:
    """Return the names that begin with a word, in capitals or not.

    Of too many an even choice that holds the first and the last one: all begin alike as far as
    these two do, and that far a shell completes the word.
    """
    start = word.casefold()
    found = [name for name in names if name.casefold().startswith(start)]
    if len(found) <= most:
        return found
    return [found[place * (len(found) - 1) // (most - 1)] for place in range(most)]


def known_names() -> KnownNames:
    """Return the names that the database in use knows; none if it does not answer soon."""
    environ = {name: text for name, text in os.environ.items() if name not in TOKEN_VARIABLES}
    try:
        settings = load_settings(environ=environ)
    except NexusError:
        return KnownNames()
    if settings.database_url is None:
        return kept_names(names_file(settings.home))
    database = PostgresConnection(settings.database_url, settings.schema)
    return _in_time(lambda: read_names(database))


def _in_time(read: Callable[[], KnownNames]) -> KnownNames:
    """Return what a child process reads, unless it takes too long: then it is killed.

    Only so does a deadline hold for all that a connection may wait for, names of hosts included.
    """
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(read, sink)
    os.close(sink)
    try:
        return msgspec.json.decode(
            _read_until(source, time.monotonic() + _PATIENCE_SEC), type=KnownNames
        )
    except msgspec.MsgspecError:
        return KnownNames()
    finally:
        os.close(source)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _answer(read: Callable[[], KnownNames], sink: int) -> None:
    """Write what was read, and end this process whatever happens."""
    try:
        with os.fdopen(sink, "wb") as file:
            file.write(msgspec.json.encode(read()))
    finally:
        os._exit(0)


def _read_until(source: int, deadline: float) -> bytes:
    """Return all that comes from a pipe until its end, or until the deadline."""
    text = bytearray()
    while select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(source, _PART)
        if not part:
            break
        text += part
    return bytes(text)


EXCHANGE = Name("CODE", lambda names: names.exchanges)
SYMBOL = Name("SYMBOL", lambda names: names.symbols)
SYMBOLS = NameList("SYMBOL,…", lambda names: names.symbols)
WATCHLIST = Name("NAME", lambda names: names.watchlists)
