"""Run the `nexus` command: its subcommands, and how every error ends a process."""

from __future__ import annotations

import errno
import logging
import os
import sys
from contextlib import suppress

import click

from data_nexus import __version__
from data_nexus.cli.lazy import SectionedCommands
from data_nexus.cli.render import print_error
from data_nexus.cli.streams import flush, open_closed_streams, silence_errors
from data_nexus.errors import CredentialsRefused, NexusError, StorageUnavailable, UsageError

COMMANDS = {
    "Start": {
        "demo": "data_nexus.cli.start.demo:demo",
        "get": "data_nexus.cli.start.get:get",
        "doctor": "data_nexus.cli.start.doctor:doctor",
        "verify": "data_nexus.cli.start.verify:verify",
        "config": "data_nexus.cli.start.config:config",
        "completion": "data_nexus.cli.start.completion:completion",
    },
    "Load": {
        "discover": "data_nexus.cli.load.discover:discover",
        "backfill": "data_nexus.cli.load.backfill:backfill",
        "update": "data_nexus.cli.load.update:update",
        "repair": "data_nexus.cli.load.repair:repair",
        "plan": "data_nexus.cli.load.plan:plan",
        "watchlist": "data_nexus.cli.load.watchlist:watchlist",
        "follow": "data_nexus.cli.load.follow:follow",
        "pause": "data_nexus.cli.load.pause:pause",
        "resume": "data_nexus.cli.load.pause:resume",
    },
    "Look": {
        "status": "data_nexus.cli.look.status:status",
        "exchanges": "data_nexus.cli.look.exchanges:exchanges",
        "assets": "data_nexus.cli.look.assets:assets",
        "bars": "data_nexus.cli.look.bars:bars",
        "plot": "data_nexus.cli.look.plot:plot",
        "coverage": "data_nexus.cli.look.coverage:coverage",
        "changes": "data_nexus.cli.look.changes:changes",
        "listings": "data_nexus.cli.look.listings:listings",
    },
    "Export": {
        "export": "data_nexus.cli.export.command:export",
    },
    "Run": {
        "run": "data_nexus.cli.run.daemon:run",
        "serve": "data_nexus.cli.run.serve:serve",
        "top": "data_nexus.cli.run.top:top",
        "jobs": "data_nexus.cli.run.jobs:jobs",
        "alerts": "data_nexus.cli.run.alerts:alerts",
        "worker": "data_nexus.cli.run.worker:worker",
        "dead-letters": "data_nexus.cli.run.dead_letters:dead_letters",
        "suspicions": "data_nexus.cli.run.suspicions:suspicions",
        "db": "data_nexus.cli.run.db:db",
        "sandbox": "data_nexus.sandbox.command:sandbox",
    },
}

# Set by the shell that wants a word completed, where an error's text would spoil the line.
_COMPLETE = "_NEXUS_COMPLETE"
# What a person can mend of what the system refuses.
_REMEDIES = {
    errno.EACCES: "give this user the right to it",
    errno.EDQUOT: "free space, or raise the user's quota",
    errno.EIO: "the disk fails: look at the system's log",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or lower --concurrency",
    errno.ENFILE: "raise the system's limit of open files",
    errno.ENOMEM: "free memory, or lower --concurrency",
    errno.ENOSPC: "free space on the disk",
    errno.EPERM: "give this user the right to it",
    errno.EROFS: "name a folder that can be written",
}


# What click says of a number.
_PLAIN = {
    "is not a valid integer range": "is not a whole number",
    "is not a valid float range": "is not a number",
}


@click.command(
    cls=SectionedCommands,
    sections=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__, prog_name="data-nexus")
def nexus() -> None:
    """Your own market database, kept complete and true.

    Start with `nexus demo`: it needs no key and no network.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run `nexus` and exit with the code of docs/reference/errors.md."""
    sys.exit(run(nexus, arguments))


def run(command: click.Command, arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; every error becomes one line that says what to do."""
    open_closed_streams()
    if _COMPLETE in os.environ:
        silence_errors()
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    code = _run(command, arguments, as_json=as_json)
    unwritten = flush()
    if unwritten is None or isinstance(unwritten, BrokenPipeError):
        return code
    return code or _reported(_of_system(unwritten, "standard output"), as_json=False)


# CPython keeps frames in chunks of 16 kB: a call across the end of one maps a new chunk, and its
# return unmaps it. Imports nest so deep that such an end lay within numpy's, at 15 us a call: a
# tenth of a command's start. A first frame larger than that gets a chunk with room for all others.
run.__code__ = run.__code__.replace(co_stacksize=20_000)


def _run(command: click.Command, arguments: list[str] | None, *, as_json: bool) -> int:
    try:
        result = command.main(arguments, prog_name="nexus", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except (click.ClickException, NexusError) as error:
        return _reported(error, as_json=as_json)
    except (BrokenPipeError, SystemExit):
        # The reader of our output has ended (`nexus bars … | head`), and click exits at once:
        # nothing went wrong.
        return 0
    except Exception as error:
        if (foreseen := _foreseen(error)) is not None:
            return _reported(foreseen, as_json=as_json)
        logging.getLogger("data_nexus").exception("a bug of ours; please report it")
        return 1
    return result if isinstance(result, int) else 0


def _foreseen(error: BaseException) -> NexusError | None:
    """Return the error for what the system or the database did, alone or in a group."""
    if isinstance(error, BaseExceptionGroup):
        found = [_foreseen(each) for each in error.exceptions]
        # A bug of ours beside it must not be hidden.
        return found[0] if all(found) else None
    if isinstance(error, NexusError):
        return error
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        return _of_system(error, str(error.filename or "a file or a connection"))
    if "psycopg" in sys.modules:
        # Loaded by what failed; a command that does without a database starts without it.
        from psycopg import Error  # noqa: PLC0415

        from data_nexus.database.connection.troubles import trouble_of  # noqa: PLC0415

        return trouble_of(error) if isinstance(error, Error) else None
    return None


def _of_system(error: OSError, subject: str) -> StorageUnavailable:
    """Return the error for a file or stream that the system does not open, read or write."""
    remedy = _REMEDIES.get(error.errno or 0, "look at the system's log")
    return StorageUnavailable(f"{subject}: {error.strerror or error}; {remedy}")


def _reported(error: click.ClickException | NexusError, *, as_json: bool) -> int:
    """Print the error, as far as it can be written, and return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())  # the help of a group that was called alone
        return 0
    is_ours = isinstance(error, NexusError)
    code = error.exit_code if is_ours else UsageError.exit_code
    message = str(error)
    if isinstance(error, click.ClickException):
        message = error.format_message()
        for said, plain in _PLAIN.items():
            message = message.replace(said, plain)
    if isinstance(error, CredentialsRefused):
        message = f"{message}; {error.remedy}"
    with suppress(OSError):
        print_error(message, code, as_json=as_json)
    return code
