"""Define what a doctor says: lines with a mark, what was seen, and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import psycopg

from data_nexus.database.connection.troubles import trouble_of
from data_nexus.errors import NexusError

Found = TypeVar("Found")


class LineMark(StrEnum):
    """How a line stands: nothing to do, look at it, or nothing works until it is mended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line: its mark, what was looked at, what was seen, and the remedy, if one is needed."""

    mark: LineMark
    name: str
    seen: str
    remedy: str = ""


def well(name: str, seen: str) -> Diagnosis:
    """Return a line about what is as it should be."""
    return Diagnosis(LineMark.OK, name, seen)


def doubtful(name: str, seen: str, remedy: str) -> Diagnosis:
    """Return a line about what a person should look at."""
    return Diagnosis(LineMark.WARNING, name, seen, remedy)


def wrong(name: str, seen: str, remedy: str) -> Diagnosis:
    """Return a line about what keeps commands from their work."""
    return Diagnosis(LineMark.ERROR, name, seen, remedy)


def failed(name: str, error: Exception, mark: LineMark = LineMark.ERROR) -> Diagnosis:
    """Return the line for an error: those of ours say cause and remedy themselves.

    Of another nothing is repeated but its kind, as its text may hold a key or a password.
    """
    known: Exception | None = error
    if isinstance(error, psycopg.Error):
        known = trouble_of(error)
    if isinstance(known, NexusError):
        seen, _, remedy = str(known).partition("; ")
        return Diagnosis(mark, name, seen, remedy)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        seen = f"{place}{error.strerror or type(error).__name__}"
        return Diagnosis(mark, name, seen, "give this user the right to it, or look at the disk")
    seen = f"the check itself failed ({type(error).__name__})"
    return Diagnosis(mark, name, seen, "a bug of ours; please report it with `nexus --version`")


def tried(name: str, work: Callable[[], Found]) -> Found | Diagnosis:
    """Return what some work finds; whatever keeps it from that becomes a line."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - here ends what the doctor does about one thing
        return failed(name, error)


def attempted(name: str, check: Callable[[], Iterable[Diagnosis]]) -> list[Diagnosis]:
    """Return the lines of a check; whatever keeps it from an answer is one more line."""
    lines: list[Diagnosis] = []
    fault = tried(name, lambda: lines.extend(check()))
    return lines if fault is None else [*lines, fault]
