"""The commands `nexus completion`: let a shell complete commands, options and names."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click
import platformdirs

from data_nexus.cli.render import console, print_json
from data_nexus.errors import UsageError

_SHELLS = ("bash", "zsh", "fish")
# Ends the line in a shell's own file, by which it is found again.
_MARK = "# nexus completion"
_SHELL = click.option(
    "--shell", "name", type=click.Choice(_SHELLS), help="of this shell (the one in $SHELL)"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="print one JSON document")


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a shell finds the script, and the file of its own that must name the script, if any."""

    script: Path
    start_file: Path | None

    @property
    def line(self) -> str:
        """What the start file says; a script that is gone is passed over."""
        quoted = shlex.quote(str(self.script))
        return f"[ -r {quoted} ] && . {quoted}  {_MARK}"


@click.group()
def completion() -> None:
    """Let the tab key complete commands and symbols."""


@completion.command()
@_SHELL
@_JSON
def install(name: str | None, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Let the tab key complete, in new shells.

    Example: nexus completion install

    It completes commands, options, symbols, exchanges and watchlists. A script is written into your
    own configuration folder; for bash and zsh also one line at the end of .bashrc or .zshrc that
    reads it. Twice is as good as once; `nexus completion remove` undoes it.
    """
    shell = _shell(name)
    places = _places(shell)
    changed = [
        path
        for path, text in _wanted(shell, places)
        if _text(path) != text and _written(path, text)
    ]
    if as_json:
        print_json({"shell": shell, "written": [str(path) for path in changed]})
        return
    for path in changed:
        console.print(f"Written: {path}")
    if not changed:
        console.print(f"All is there already: {places.script}")
    how = f". {shlex.quote(str(places.script))}" if places.start_file else "start a new fish"
    console.print(f"New shells complete nexus. This one: {how}")


@completion.command()
@_SHELL
def show(name: str | None) -> None:
    """Print the script, to put it elsewhere."""
    click.echo(_script(_shell(name)), nl=False)


@completion.command()
@_SHELL
@_JSON
def remove(name: str | None, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Undo `nexus completion install`."""
    shell = _shell(name)
    places = _places(shell)
    changed = [places.script] if places.script.is_file() else []
    places.script.unlink(missing_ok=True)
    if (own := places.start_file) is not None and _MARK in _text(own):
        changed += [own] if _written(own, _without_line(_text(own))) else []
    if as_json:
        print_json({"shell": shell, "changed": [str(path) for path in changed]})
    elif changed:
        console.print(f"Undone in: {', '.join(map(str, changed))}")
    else:
        console.print(f"Nothing is installed for {shell}.")


def _shell(name: str | None) -> str:
    """Return the shell that was named, or else the user's own."""
    own = name or Path(os.environ.get("SHELL", "")).name
    if own not in _SHELLS:
        known = ", ".join(_SHELLS)
        raise UsageError(
            f"no completion for the shell {own or 'in $SHELL'}; name one of {known} by --shell"
        )
    return own


def _script(shell: str) -> str:
    return files(__package__).joinpath("scripts", f"nexus.{shell}").read_text(encoding="utf-8")


def _places(shell: str) -> _Places:
    home = Path.home()
    if shell == "fish":
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        return _Places(config / "fish" / "completions" / "nexus.fish", None)
    script = platformdirs.user_config_path("data-nexus") / f"completion.{shell}"
    folder = Path(os.environ.get("ZDOTDIR") or home) if shell == "zsh" else home
    return _Places(script, folder / f".{shell}rc")


def _wanted(shell: str, places: _Places) -> list[tuple[Path, str]]:
    """Return the files that belong to a completion, and what each must hold."""
    wanted = [(places.script, _script(shell))]
    if places.start_file is not None:
        before = _without_line(_text(places.start_file))
        newline = "" if not before or before.endswith("\n") else "\n"
        wanted.append((places.start_file, f"{before}{newline}{places.line}\n"))
    return wanted


def _text(path: Path) -> str:
    """Return the content of a file, byte for byte; nothing if there is none."""
    try:
        return os.fsdecode(path.read_bytes())
    except FileNotFoundError:
        return ""


def _without_line(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.rstrip().endswith(_MARK))


def _written(path: Path, text: str) -> bool:
    """Replace a file, or where a link leads, as a whole; its mode stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve()
    draft = target.with_name(f"{target.name}.nexus-{os.getpid()}")
    try:
        draft.write_bytes(os.fsencode(text))
        draft.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return True
