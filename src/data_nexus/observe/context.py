"""Remember what is under way, so that each log line can say to which run and job it belongs.

Each task has a context of its own, which those inherit that it starts: jobs that run at once do not
take each other's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

Fact = str | int
# What stands in a line's context, in this order.
CONTEXT = {
    "command": "the command of the process",
    "job": "the job of a daemon",
    "run_id": "the row in `runs`",
}
_FACTS: ContextVar[Mapping[str, Fact]] = ContextVar("facts", default=MappingProxyType({}))


def current_facts() -> Mapping[str, Fact]:
    """Return what is under way here."""
    return _FACTS.get()


@contextmanager
def in_command(name: str) -> Iterator[None]:
    """Note the command for as long as the block runs."""
    with _with({"command": name}):
        yield


@contextmanager
def in_job(name: str) -> Iterator[None]:
    """Note the job for as long as the block runs."""
    with _with({"job": name}):
        yield


@contextmanager
def in_run(run_id: int) -> Iterator[None]:
    """Note the run for as long as the block runs."""
    with _with({"run_id": run_id}):
        yield


@contextmanager
def _with(facts: Mapping[str, Fact]) -> Iterator[None]:
    before = _FACTS.set({**_FACTS.get(), **facts})
    try:
        yield
    finally:
        _FACTS.reset(before)
