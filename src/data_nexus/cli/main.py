"""Run the `nexus` command: its subcommands, and how every error ends a process."""

from __future__ import annotations

import logging
import sys

import click

from data_nexus import __version__
from data_nexus.cli.lazy import SectionedCommands
from data_nexus.cli.render import print_error
from data_nexus.errors import NexusError, UsageError

COMMANDS = {
    "Start": {
        "demo": "data_nexus.cli.start.demo:demo",
        "verify": "data_nexus.cli.start.verify:verify",
        "config": "data_nexus.cli.start.config:config",
    },
    "Load": {
        "discover": "data_nexus.cli.load.discover:discover",
        "backfill": "data_nexus.cli.load.backfill:backfill",
        "update": "data_nexus.cli.load.update:update",
        "repair": "data_nexus.cli.load.repair:repair",
        "plan": "data_nexus.cli.load.plan:plan",
    },
    "Look": {
        "status": "data_nexus.cli.look.status:status",
        "bars": "data_nexus.cli.look.bars:bars",
        "plot": "data_nexus.cli.look.plot:plot",
        "changes": "data_nexus.cli.look.changes:changes",
        "listings": "data_nexus.cli.look.listings:listings",
    },
    "Export": {
        "export": "data_nexus.cli.export.command:export",
    },
    "Run": {
        "worker": "data_nexus.cli.run.worker:worker",
        "dead-letters": "data_nexus.cli.run.dead_letters:dead_letters",
        "db": "data_nexus.cli.run.db:db",
        "sandbox": "data_nexus.sandbox.command:sandbox",
    },
}


@click.command(
    cls=SectionedCommands,
    sections=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
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
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
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
    except Exception:
        logging.getLogger("data_nexus").exception("a bug of ours; please report it")
        return 1
    return result if isinstance(result, int) else 0


def _reported(error: click.ClickException | NexusError, *, as_json: bool) -> int:
    """Print the error and return the exit code."""
    if isinstance(error, NexusError):
        print_error(str(error), error.exit_code, as_json=as_json)
        return error.exit_code
    print_error(error.format_message(), UsageError.exit_code, as_json=as_json)
    return UsageError.exit_code
