"""Load a command only when it is used, and list commands under headings."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem


class LazyCommands(click.Group):
    """A group that loads a subcommand when it is used; `places` gives where each one is defined."""

    def __init__(self, *args: Any, places: Mapping[str, str], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which a newcomer needs them."""
        del ctx
        return list(self._places)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name; fail with near names for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            names = self.list_commands(ctx)
            near = difflib.get_close_matches(args[0], names, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(names)}"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx) from None

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one subcommand."""
        del ctx
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the subcommands that begin as the word does, none of them loaded; or options."""
        names = [CompletionItem(name) for name in self._places if name.startswith(incomplete)]
        return names + super(click.Group, self).shell_complete(ctx, incomplete)


class SectionedCommands(LazyCommands):
    """A lazy group whose help lists the subcommands under headings: `sections` by heading."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401
        sections: Mapping[str, Mapping[str, str]],
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        places = {name: place for each in sections.values() for name, place in each.items()}
        super().__init__(*args, places=places, **kwargs)
        self._sections = sections

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each subcommand on one line, with the same columns in every section."""
        column = max(map(len, self._places))
        room = formatter.width - column - 4
        for heading, section in self._sections.items():
            loaded = [(name, self.get_command(ctx, name)) for name in section]
            lines = [
                (name.ljust(column), each.get_short_help_str(room)) for name, each in loaded if each
            ]
            with formatter.section(heading):
                formatter.write_dl(lines)
