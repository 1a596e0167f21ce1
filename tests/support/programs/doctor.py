"""What `nexus doctor` says, line by line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

import pytest

from data_nexus.app.doctor import Diagnosis, Instruments, examine
from tests.support.programs.commands import Commands, Finished

MB, GB = 1 << 20, 1 << 30


# A user and a password, as in an address.
ACCOUNT = "me:hidden"


def with_environment(commands: Commands, **environ: str) -> Commands:
    """The same commands with other variables; an empty one is not set."""
    given = {**commands.environment, **environ}
    return replace(commands, environment={name: text for name, text in given.items() if text})


def marks(done: Finished) -> dict[str, str]:
    return {line["name"]: line["mark"] for line in done.answer["lines"]}


def the(name: str, done: Finished) -> tuple[str, str, str]:
    """LineMark, what was seen, and remedy of the one line with a name."""
    ((mark, seen, remedy),) = [
        (line["mark"], line["seen"], line["remedy"])
        for line in done.answer["lines"]
        if line["name"] == name
    ]
    return mark, seen, remedy


def examined(
    commands: Commands, instruments: Instruments, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, Diagnosis]:
    """The lines by name, as measured by other instruments."""
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(commands.folder)
    found = examine({}, commands.environment, instruments)
    return {line.name: line for line in found.lines}
