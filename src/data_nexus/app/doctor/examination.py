"""Run all checks of the doctor, in the order in which a person mends things."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from data_nexus.app.doctor.account import account_lines
from data_nexus.app.doctor.diagnosis import (
    Diagnosis,
    LineMark,
    attempted,
    doubtful,
    failed,
    well,
)
from data_nexus.app.doctor.places import file_lines
from data_nexus.app.doctor.storage import FreeSpace, database_lines, free_space
from data_nexus.config import TOKEN_VARIABLES, Settings, load_settings, setting_sources
from data_nexus.errors import UsageError
from data_nexus.observe.logs import set_up_logs


@dataclass(frozen=True, slots=True)
class Instruments:
    """What is measured by: this machine's clock, and the free space of a folder's disk."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    free: FreeSpace = free_space


@dataclass(frozen=True, slots=True)
class Examination:
    """All lines, in the order in which a person mends things."""

    lines: tuple[Diagnosis, ...]

    @property
    def is_well(self) -> bool:
        """Whether no line is an error."""
        return all(line.mark is not LineMark.ERROR for line in self.lines)

    def count(self, mark: LineMark) -> int:
        """Return the number of lines with a mark."""
        return sum(line.mark is mark for line in self.lines)

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus doctor --json`."""
        lines = [asdict(line) for line in self.lines]
        return {
            "lines": lines,
            "errors": self.count(LineMark.ERROR),
            "warnings": self.count(LineMark.WARNING),
        }


def examine(
    options: Mapping[str, Any],
    environ: Mapping[str, str],
    instruments: Instruments | None = None,
) -> Examination:
    """Examine settings, key, plan, network, database, clock and files.

    One request is sent, for the account, which costs no call. What cannot be checked is a line.
    """
    instruments = instruments or Instruments()
    settings, lines = _settings(options, environ)
    if settings is None:
        seen = "key, network, database and files are not checked"
        return Examination((*lines, doubtful("the rest", seen, "mend the settings first")))
    chosen, clock = settings, instruments.clock
    key_is_named = any(line.name == "key" for line in lines)
    for name, check in (
        ("logs", lambda: _logs(chosen)),
        ("network", lambda: account_lines(chosen, clock)),
        ("database", lambda: database_lines(chosen, clock, instruments.free)),
        ("files", lambda: file_lines(chosen, options, environ)),
    ):
        found = attempted(name, check)
        # What is wrong with the key is said; that there is none would be wrong.
        lines += [line for line in found if not (key_is_named and line.name == "key")]
    return Examination(tuple(_redacted(line, settings) for line in lines))


def _settings(
    options: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Settings | None, list[Diagnosis]]:
    """Return the settings, without a key that cannot be one; None if another one does not fit."""
    fault: UsageError | None = None
    try:
        settings = load_settings(options, environ)
    except UsageError as error:
        fault = error
        keyless = {name: text for name, text in environ.items() if name not in TOKEN_VARIABLES}
        try:
            settings = load_settings(options, keyless)
        except UsageError as unfit:
            return None, [failed("settings", unfit)]
    sources = setting_sources(options, environ).values()
    named = sorted({each for each in sources if each != "default"})
    line = well("settings", f"from {', '.join(named)}" if named else "all have their defaults")
    return settings, [line] if fault is None else [line, failed("key", fault)]


def _logs(settings: Settings) -> list[Diagnosis]:
    """Return nothing where the logs' settings fit; the error becomes a line."""
    set_up_logs(settings.log_format, settings.log_level, settings.token)
    return []


def _redacted(line: Diagnosis, settings: Settings) -> Diagnosis:
    """Return the line without the key, however it might have come in."""
    if settings.token is None:
        return line
    redact = settings.token.redact
    return replace(line, seen=redact(line.seen), remedy=redact(line.remedy))
