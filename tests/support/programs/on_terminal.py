"""`nexus` on a terminal, in a process that had loaded its modules before it had one."""

from __future__ import annotations

from data_nexus.cli import main as command
from data_nexus.cli.render import console, error_console


def main() -> None:
    """Let the consoles look at the terminal as when they are loaded, then run the command."""
    console.__init__()  # type: ignore[misc]  # the same objects, which others have imported
    error_console.__init__(stderr=True)  # type: ignore[misc]
    command.main()
