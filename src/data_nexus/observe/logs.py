"""Owns the log: events and library records as lines on stderr, as text or JSON.

Every line passes one formatter, which keeps it to one line and blots out the token wherever it
stands: as it is, percent-encoded, or in base64.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime

from data_nexus.config import Secret
from data_nexus.errors import UsageError
from data_nexus.events import (
    Absent,
    ActionsFailed,
    ActionsRead,
    Committed,
    Draining,
    Event,
    ExchangeAdvanced,
    Failed,
    FeedRejected,
    LeaseLost,
    Parked,
    Requested,
    Reread,
    Retried,
    RunFinished,
    RunStarted,
    SessionAdvanced,
    TransactionCommitted,
    Waiting,
    Warned,
)

_LOG = logging.getLogger("data_nexus")
_LEVELS = {
    Requested: logging.DEBUG,
    Committed: logging.DEBUG,
    TransactionCommitted: logging.DEBUG,
    FeedRejected: logging.DEBUG,
    ActionsRead: logging.DEBUG,
    Absent: logging.INFO,
    SessionAdvanced: logging.INFO,
    ExchangeAdvanced: logging.INFO,
    Reread: logging.INFO,
    RunStarted: logging.INFO,
    RunFinished: logging.INFO,
    Retried: logging.INFO,
    Failed: logging.WARNING,
    ActionsFailed: logging.WARNING,
    LeaseLost: logging.WARNING,
    Parked: logging.WARNING,
    Waiting: logging.WARNING,
    Draining: logging.WARNING,
    Warned: logging.WARNING,
}

# Until when a wait has been told, by its reason.
_told_until: dict[str, float] = {}


def log_event(event: Event) -> None:
    """Write an event as one log line; its class's name is the line's subject.

    A wait that begins before one for the same reason is over goes on from it: it is told once.
    """
    if isinstance(event, Waiting) and _goes_on(event, time.monotonic()):
        return
    level = _LEVELS[type(event)]
    if _LOG.isEnabledFor(level):
        _LOG.log(level, type(event).__name__, extra={"facts": asdict(event)})


def _goes_on(wait: Waiting, now: float) -> bool:
    told_until = _told_until.get(wait.reason, now)
    _told_until[wait.reason] = max(told_until, now + wait.seconds)
    return now < told_until


def set_up_logs(format_name: str, level: str, token: Secret | None) -> None:
    """Send all logs of the process to stderr, redacted.

    Raises `UsageError` for an unknown format or level.
    """
    if format_name not in ("text", "json"):
        raise UsageError(f"NEXUS_LOG_FORMAT: {format_name!r} is neither text nor json")
    if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise UsageError(f"NEXUS_LOG_LEVEL: {level!r} is not debug, info, warning or error")
    _told_until.clear()
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(LineFormatter(as_json=format_name == "json", token=token))
    logging.basicConfig(handlers=[lines], level=logging.WARNING, force=True)
    _LOG.setLevel(level.upper())


class LineFormatter(logging.Formatter):
    """Formats a record as one line of text or JSON without the token."""

    def __init__(self, *, as_json: bool, token: Secret | None) -> None:
        super().__init__()
        self._as_json = as_json
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts = getattr(record, "facts", {})
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = _message(record)
        if record.exc_info:
            message = f"{message}: {self.formatException(record.exc_info)}"
        if self._as_json:
            line = {"time": moment, "level": record.levelname.lower(), "event": message} | facts
            return self._redact(json.dumps(line, default=str))
        said = " ".join(f"{key}={value}" for key, value in facts.items())
        line_text = f"{moment} {record.levelname.lower():7} {message} {said}".rstrip()
        return self._redact("".join(c if c.isprintable() else "·" for c in line_text))

    def _redact(self, line: str) -> str:
        return self._token.redact(line) if self._token else line


def _message(record: logging.LogRecord) -> str:
    """Return the message; a library's mistake in it must not end in a printout of its parts."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)
