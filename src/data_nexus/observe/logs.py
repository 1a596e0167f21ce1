"""Write events and library records as lines on stderr, as text or JSON.

Every line passes one formatter, which keeps it to one line and redacts the token in every form:
plain, percent-encoded, or in base64. A line also says to which command, job and run it belongs.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import textwrap
import time
from dataclasses import asdict
from datetime import UTC, datetime

from data_nexus.config import Secret
from data_nexus.errors import UsageError
from data_nexus.events import (
    Absent,
    ActionsFailed,
    ActionsRead,
    AlertRaised,
    AlertRecovered,
    AlertSent,
    Committed,
    Draining,
    Event,
    ExchangeAdvanced,
    Failed,
    FeedRejected,
    JobEnded,
    JobStarted,
    LeaseLost,
    Parked,
    Requested,
    Reread,
    Retried,
    RunExtended,
    RunFinished,
    RunStarted,
    SessionAdvanced,
    SettingsReread,
    TransactionCommitted,
    Waiting,
    Warned,
)
from data_nexus.observe.context import current_facts

_LOG = logging.getLogger("data_nexus")
LEVELS = {
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
    RunExtended: logging.DEBUG,
    RunFinished: logging.INFO,
    JobStarted: logging.INFO,
    JobEnded: logging.INFO,
    SettingsReread: logging.INFO,
    Retried: logging.INFO,
    Failed: logging.WARNING,
    ActionsFailed: logging.WARNING,
    AlertRaised: logging.WARNING,
    AlertRecovered: logging.WARNING,
    AlertSent: logging.INFO,
    LeaseLost: logging.WARNING,
    Parked: logging.WARNING,
    Waiting: logging.WARNING,
    Draining: logging.WARNING,
    Warned: logging.WARNING,
}

# By reason: the end of the waits that are logged already.
_logged_until: dict[str, float] = {}


def log_event(event: Event) -> None:
    """Write an event as one log line; its class's name is the line's subject.

    A wait that begins before the end of another for the same reason prolongs it: one line for both.
    """
    if isinstance(event, Waiting) and _prolongs(event, time.monotonic()):
        return
    level = LEVELS[type(event)]
    if _LOG.isEnabledFor(level):
        extra = {"facts": asdict(event), "sentence": sentence_of(event)}
        _LOG.log(level, type(event).__name__, extra=extra)


def sentence_of(event: Event) -> str | None:
    """Return an event that a person should know as a sentence; None for the others."""
    match event:
        case Waiting(reason, seconds):
            said = f"waiting {seconds:,.0f} s for {reason}"
        case Warned(subject, text):
            said = f"warning: {subject}: {text}"
        case Failed(symbol, reason):
            said = f"{symbol}: {reason}; it stays due"
        case Parked(symbol, reason):
            said = f"{symbol}: {reason}; parked, see: nexus dead-letters show {symbol}"
        case AlertRaised(condition, subject, detail):
            said = f"alert: {condition}: {subject}: {detail}"
        case AlertRecovered(condition, subject):
            said = f"recovered: {condition}: {subject}"
        case LeaseLost(symbol):
            said = f"{symbol}: another worker has it now; nothing was written"
        case Draining():
            said = "stopping: what is under way is finished; a second signal ends it at once"
        case _:
            return None
    return said


def _prolongs(wait: Waiting, now: float) -> bool:
    logged_until = _logged_until.get(wait.reason, now)
    _logged_until[wait.reason] = max(logged_until, now + wait.seconds)
    return now < logged_until


def logged_progress(text: str) -> bool:
    """Write a sign of life as a log line if those are JSON: a reader of them expects no others."""
    is_json = any(
        isinstance(each.formatter, LineFormatter) and each.formatter.as_json
        for each in logging.getLogger().handlers
    )
    if is_json:
        _LOG.info("Progress", extra={"facts": {"text": text}})
    return is_json


def set_up_logs(format_name: str, level: str, token: Secret | None) -> None:
    """Send all logs of the process to stderr, redacted.

    Raises `UsageError` for an unknown format or level.
    """
    if format_name not in ("text", "json"):
        raise UsageError(f"NEXUS_LOG_FORMAT: {format_name!r} is neither text nor json")
    if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise UsageError(f"NEXUS_LOG_LEVEL: {level!r} is not debug, info, warning or error")
    _logged_until.clear()
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        LineFormatter(as_json=format_name == "json", token=token, for_people=sys.stderr.isatty())
    )
    logging.basicConfig(handlers=[lines], level=logging.WARNING, force=True)
    _LOG.setLevel(level.upper())


class LineFormatter(logging.Formatter):
    """Formats a record as one line of text or JSON without the token.

    On a screen, `for_people`, what a person should know is a sentence, without a moment, in lines
    that the screen holds.
    """

    def __init__(self, *, as_json: bool, token: Secret | None, for_people: bool = False) -> None:
        super().__init__()
        self.as_json = as_json
        self._token = token
        self._for_people = for_people

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        context, facts = current_facts(), getattr(record, "facts", {})
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = _message(record)
        if record.exc_info:
            message = f"{message}: {self.formatException(record.exc_info)}"
        if self.as_json:
            head = {"time": moment, "level": record.levelname.lower(), "event": message}
            return self._redact(json.dumps({**head, **context, **facts}, default=str))
        sentence = getattr(record, "sentence", None) if self._for_people else None
        said = " ".join(f"{key}={value}" for key, value in (*facts.items(), *context.items()))
        line_text = sentence or f"{moment} {record.levelname.lower():7} {message} {said}".rstrip()
        line_text = self._redact("".join(c if c.isprintable() else "·" for c in line_text))
        return "\n".join(_lines_of(line_text)) if sentence else line_text

    def _redact(self, line: str) -> str:
        return self._token.redact(line) if self._token else line


def _lines_of(sentence: str) -> list[str]:
    """Break a sentence between its words, where the screen ends."""
    columns = shutil.get_terminal_size().columns
    return textwrap.wrap(sentence, columns, break_long_words=False, break_on_hyphens=False)


def _message(record: logging.LogRecord) -> str:
    """Return the message, unformatted where its arguments do not fit: logging would print them."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return str(record.msg)
