"""Write the reference pages from the running objects, never by hand.

`make docs` writes them; a test compares them with what this module would write.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import data_nexus
from data_nexus import errors
from data_nexus.app.lake import Lake
from data_nexus.app.nexus import Nexus
from data_nexus.cli.main import nexus
from data_nexus.config import SETTINGS
from data_nexus.database.models import Tables
from data_nexus.domain.actions import ACTION_RULES, BULK_RULES
from data_nexus.domain.adjustment.findings import FINDING_RULES
from data_nexus.domain.endpoints import CALLS, MEANINGS
from data_nexus.domain.validation.price_kinds import SETTING, SIGNED_ASSETS
from data_nexus.domain.validation.rules import BAR_RULES, Grade
from tools.observed import events_page, metrics_page

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
_WIDTH = 92
_EFFECTS = {
    Grade.REJECT: "the row is rejected into `rejected_rows`",
    Grade.FLAG: "the row is stored as sent and counted in `sync_log.flagged`",
}
_OTHER_CODES = (
    (0, "done, or nothing was due"),
    (1, "a bug of ours; please report it"),
    (
        3,
        "done, but assets failed or were parked, checks failed, or a symbol list was cut",
    ),
    (75, "SIGTERM: drained with work left; run it again to continue"),
    (130, "SIGINT: drained with work left; or a second SIGINT ended it at once"),
    (143, "a second SIGTERM ended it at once"),
)

_FUNCTIONS = {
    "download": "`download`",
    "frame": "`frame`, also named `to_frame`",
    "as_polars": "`as_polars`",
}


def pages() -> dict[str, str]:
    """Return every reference page by its file name."""
    return {
        "commands.md": _commands(),
        "settings.md": _settings(),
        "rules.md": _rules(),
        "errors.md": _errors(),
        "tables.md": _tables(),
        "costs.md": _costs(),
        "python.md": _python(),
        "metrics.md": metrics_page(_table),
        "events.md": events_page(_table),
    }


def write() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def _commands() -> str:
    parts = ["# Commands\n\nWritten from the code by `make docs`.\n"]
    for name, command in walk(nexus, "nexus"):
        arguments = [p for p in command.params if isinstance(p, click.Argument)]
        usage = " ".join([name, *(f"{a.human_readable_name}…" for a in arguments), "[options]"])
        parts.append(f"## `{name}`\n\n{_paragraphs(command.help)}\n\n    {usage}\n")
        rows = [_option_row(p) for p in command.params if isinstance(p, click.Option)]
        parts.append(_table(("option", "meaning"), rows))
    return "\n".join(parts)


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that can be given, with its full name."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from walk(child, f"{path} {name}")


def _option_row(option: click.Option) -> tuple[str, str]:
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(nexus))}"
    spellings = ", ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))
    return spellings, option.help or ""


def _python() -> str:
    head = (
        "# Python\n\nWritten from the code by `make docs`. Each name is one of `data_nexus`; how"
        " to use them together: [read it from Python](../how-to/read-it-from-python.md) and"
        " [take a snapshot](../how-to/take-a-snapshot.md).\n"
    )
    parts = [head]
    for opened, name in ((Nexus, "connect"), (Lake, "lake")):
        parts.append(f"## `{name}`\n\n{_described(name, getattr(data_nexus, name))}")
        parts.append(f"## `{opened.__name__}`\n\n{_paragraphs(inspect.getdoc(opened))}\n")
        for member, value in _public_members(opened):
            parts.append(f"### `{opened.__name__}.{member}`\n\n{_described(member, value)}")
    parts += [
        f"## {heading}\n\n{_described(name, getattr(data_nexus, name))}"
        for name, heading in _FUNCTIONS.items()
    ]
    tables = sorted(
        (mapper.class_.__name__, mapper.class_.__tablename__)
        for mapper in Tables.registry.mappers
        if mapper.class_.__name__ in data_nexus.__all__
    )
    rows = [(f"`{name}`", f"[`{table}`](tables.md#{table})") for name, table in tables]
    parts.append("## Models\n\nFor `get_session()`.\n\n" + _table(("model", "table"), rows))
    return "\n".join(parts)


def _public_members(opened: type) -> Iterator[tuple[str, Any]]:
    """Yield the methods and properties of a class, then those that it inherits."""
    for owner in opened.__mro__[:-1]:
        for name, value in vars(owner).items():
            if not name.startswith("_"):
                yield name, value


def _described(name: str, value: Any) -> str:  # noqa: ANN401 - a function or a property
    """A signature, a line for each parameter if it is long, and the promise."""
    text = _paragraphs(inspect.getdoc(value))
    if isinstance(value, property):
        return f"{text}\n"
    signature = inspect.signature(value)
    own = [each for each in signature.parameters.values() if each.name != "self"]
    written = f"{name}{signature.replace(parameters=own)}".replace("'", "")
    if len(written) > _WIDTH:
        lines = [f"    {each}," for each in _written(own)]
        returned = str(signature.replace(parameters=())).removeprefix("()").replace("'", "")
        written = "\n".join([f"{name}(", *lines, f"){returned}"])
    return f"{textwrap.indent(written, ' ' * 4)}\n\n{text}\n"


def _written(parameters: Sequence[inspect.Parameter]) -> Iterator[str]:
    is_named = False
    for each in parameters:
        if each.kind is inspect.Parameter.KEYWORD_ONLY and not is_named:
            is_named = True
            yield "*"
        default = "" if each.default is inspect.Parameter.empty else f" = {each.default!r}"
        yield f"{each.name}: {each.annotation}{default}"


def _settings() -> str:
    rows = [
        (
            f"`{s.variable}`",
            f"`{s.key}`",
            "unset" if s.default is None else f"`{s.default}`",
            s.meaning,
        )
        for s in SETTINGS
    ]
    free = [f"`{s.key}`" for s in SETTINGS if not s.is_guarded]
    return (
        "# Settings\n\n"
        "Written from the code by `make docs`. A setting comes from the command line, the"
        " environment, `nexus.toml` (in the working folder, then in `NEXUS_HOME`) or its default,"
        " in this order; `nexus config` shows what is in force. The working folder's file may set"
        f" {', '.join(free)}; all others only after `nexus config --trust`"
        " ([how](../how-to/keep-key-and-database-safe.md)).\n\n"
        + _table(("variable", "in nexus.toml", "default", "meaning"), rows)
        + "\nThe vendor's key comes from `EODHD_API_KEY`, or from the file that"
        " `EODHD_API_KEY_FILE` names (readable by its owner only). No option and no file of"
        " settings accepts it. `HTTPS_PROXY`, `NO_PROXY` and `SSL_CERT_FILE` say how the vendor is"
        " reached.\n"
    )


def _rules() -> str:
    rows = [
        (rule.name, rule.grade.value, rule.kind or "all", rule.meaning, _EFFECTS[rule.grade])
        for rule in BAR_RULES
    ]
    signed = [(f"`{each}`", each.meaning) for each in SIGNED_ASSETS]
    holds = ("rule", "it holds when")
    return (
        "# Rules\n\nWritten from the code by `make docs`.\n\n## Bars\n\nWhat is checked of every"
        " bar that the vendor sends, in this order; a rejected row carries the first rule that it"
        " broke.\n\n"
        + _table(("rule", "grade", "prices", "it holds when", "if it does not"), rows)
        + "\nPrices are *positive*, except those of the following assets, which are *signed*: zero"
        f" and below are prices too. `{SETTING}` names more of them: exchanges, types of an"
        " exchange and symbols. What was rejected before is read again by `nexus repair"
        " --exchange …` or `--symbols …`.\n\n"
        + _table(("assets", "what they are"), signed)
        + "\n## Splits and dividends\n\nWhat is checked of every split and dividend. A row that"
        " breaks a rule is not stored; from an asset's own answer it is rejected into"
        " `rejected_rows`.\n\n"
        + _table(holds, [*ACTION_RULES.items()])
        + "\n## Rows in bulk\n\nWhat is also checked of every row of a bulk answer. One that"
        " breaks a rule is not stored: a bar of a known asset is rejected into `rejected_rows`, and"
        " an asset whose action cannot be read is read again as a whole.\n\n"
        + _table(holds, [*BULK_RULES.items()])
        + "\n## Bars and actions together\n\nWhat is checked of whole histories. An asset that"
        " breaks a rule has a row in `findings`; nothing else is changed"
        " ([more](../explanation/adjustment.md)).\n\n" + _table(holds, [*FINDING_RULES.items()])
    )


def _costs() -> str:
    rows = [(f"`{name}`", str(calls), MEANINGS[name]) for name, calls in CALLS.items()]
    return (
        "# Costs\n\nWritten from the code by `make docs`. What a request costs of the day's"
        " calls; each counts as one against the minute's limit. The planner, the ledger and"
        " `nexus plan` use this table; a test compares it with the sandbox's own prices.\n\n"
        + _table(("endpoint", "calls", "what it answers"), rows)
    )


def _errors() -> str:
    found = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.NexusError)
    ]
    classes = [
        (f"`{e.__name__}`", f"`{e.__mro__[1].__name__}`", f"`{e.exit_code}`", _first_line(e))
        for e in found
    ]
    codes: dict[int, list[str]] = {code: [text] for code, text in _OTHER_CODES}
    for error in found:
        if error.exit_code not in codes or error.exit_code == errors.Park.exit_code:
            codes.setdefault(error.exit_code, [])
        if error.exit_code > 1:
            codes.setdefault(error.exit_code, []).append(f"`{error.__name__}`")
    rows = [(f"`{code}`", ", ".join(texts)) for code, texts in sorted(codes.items())]
    return (
        "# Errors and exit codes\n\nWritten from the code by `make docs`. An error's family says"
        " what is done about it: `Retry`, `Postpone`, `Park`, `Pause`, `Stop`.\n\n"
        + _table(("exit code", "means"), rows)
        + "\n"
        + _table(("error", "is a", "exit code", "means"), classes)
    )


def _tables() -> str:
    parts = ["# Tables\n\nWritten from the code by `make docs`.\n"]
    for table in Tables.metadata.sorted_tables:
        parts.append(f"## `{table.name}`\n\n{table.comment or _model_line(table.name)}\n")
        rows = [
            (
                f"`{column.name}`",
                str(column.type).lower(),
                "key" if column.primary_key else ("" if not column.nullable else "may be NULL"),
                column.comment or "",
            )
            for column in table.columns
        ]
        parts.append(_table(("column", "type", "", "meaning"), rows))
    parts.append(
        "## `bars`\n\nA view for people: `market_data` with `ticker` (`AAPL.US`) in place of a"
        " number.\n"
        "\n## `active_assets`\n\nA view: the assets that are loaded, which are not paused,"
        " parked or retired.\n"
        "\n## `queued_assets`\n\nA view: the active assets that the queue may hand out; a delisted"
        " one only until its first answer.\n"
    )
    return "\n".join(parts)


def _model_line(name: str) -> str:
    mapper = next(m for m in Tables.registry.mappers if m.class_.__tablename__ == name)
    return _first_line(mapper.class_)


def _first_line(subject: type) -> str:
    return (inspect.getdoc(subject) or "").splitlines()[0]


def _paragraphs(text: str | None) -> str:
    return inspect.cleandoc(text or "").replace("\b\n", "")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    # A bar ends a cell, in code as well.
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in rows)
    lines += [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write()
