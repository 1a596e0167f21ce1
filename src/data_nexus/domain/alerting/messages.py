"""The words of alerts, for each way by which they travel. Pure.

Details may hold the vendor's text: it stays one line, and is never markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from data_nexus.domain.alerting.conditions import Condition
from data_nexus.domain.texts import Redact, excerpt, one_line

DETAIL_CHARS = 500
_SUBJECT_CHARS = 120
_BREAK = "\N{ZERO WIDTH SPACE}"

_TITLES = {
    Condition.NOT_FRESH: "not fresh",
    Condition.LATE: "the vendor is late",
    Condition.DOWN: "the vendor cannot be reached",
    Condition.TOO_SMALL: "a job brought far less than usual",
    Condition.QUOTA: "the day's calls do not suffice",
    Condition.CREDENTIALS: "the vendor refuses the key",
    Condition.DEAD_LETTERS: "new dead letters",
    Condition.FINDINGS: "suspicions that nothing explains",
    Condition.DISK: "the disk is filling",
    Condition.BACKUP: "the backup failed or is old",
    Condition.JOB_FAILED: "a job fails",
}


class MessageKind(StrEnum):
    """What a message says of its alert."""

    RAISED = "raised"
    RECOVERED = "recovered"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """A message about an alert; `key` is the same however often it is sent."""

    key: str
    kind: MessageKind
    condition: str
    subject: str
    detail: str
    raised_at: datetime
    recovered_at: datetime | None = None

    @property
    def title(self) -> str:
        """The message in a few words."""
        if self.kind is MessageKind.TEST:
            return "Data Nexus: a test"
        mark = "recovered" if self.kind is MessageKind.RECOVERED else "alert"
        subject = one_line(self.subject)[:_SUBJECT_CHARS]
        return f"Data Nexus: {mark}: {subject}: {_TITLES[Condition(self.condition)]}"

    def as_text(self, redact: Redact) -> str:
        """Return it as lines of plain text."""
        moments = [f"since {_moment(self.raised_at)}"]
        if self.recovered_at:
            moments.append(f"over at {_moment(self.recovered_at)}")
        detail = excerpt(one_line(self.detail), DETAIL_CHARS, redact)
        return "\n".join(filter(None, (redact(self.title), detail, ", ".join(moments))))

    def as_json(self, redact: Redact) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "source": "data-nexus",
            "key": self.key,
            "state": self.kind.value,
            "condition": self.condition,
            "subject": redact(one_line(self.subject)[:_SUBJECT_CHARS]),
            "title": redact(self.title),
            "detail": excerpt(one_line(self.detail), DETAIL_CHARS, redact),
            "raised_at": self.raised_at.astimezone(UTC).isoformat(),
            "recovered_at": self.recovered_at and self.recovered_at.astimezone(UTC).isoformat(),
        }

    def as_slack(self, redact: Redact) -> dict[str, Any]:
        """Return it for Slack, and for those that take the same: no mark-up, mention or link."""
        text = self.as_text(redact)
        for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, name)
        for sign in ("@", "://", "]("):
            text = text.replace(sign, sign[0] + _BREAK + sign[1:])
        return {"text": text, "mrkdwn": False, "link_names": False, "unfurl_links": False}


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
