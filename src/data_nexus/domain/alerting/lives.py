"""The life of an alert: noticed, raised when patience ends, announced, recovered. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from data_nexus.domain.alerting.conditions import Condition, Judgement, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert that has not recovered; not raised yet while there is patience with it.

    `announced_at`: since when its message is on its way.
    """

    alert_id: int
    condition: Condition
    subject: str
    noticed_at: datetime
    raised_at: datetime | None = None
    announced_at: datetime | None = None
    detail: str = ""

    @property
    def about(self) -> Subject:
        """What it is about."""
        return Subject(self.condition, self.subject)


@dataclass(frozen=True, slots=True)
class Silence:
    """No message is sent about a condition, for a subject or for all (""), for a while."""

    condition: Condition
    subject: str

    def covers(self, about: Subject) -> bool:
        """Whether it keeps an alert from being announced."""
        return self.condition is about.condition and self.subject in ("", about.name)


@dataclass(slots=True)
class Steps:
    """What is to be written; `noticed` are new, with their details, the others are open ones."""

    noticed: dict[Subject, str] = field(default_factory=dict)
    raised: list[OpenAlert] = field(default_factory=list)
    announced: list[OpenAlert] = field(default_factory=list)
    recovered: list[OpenAlert] = field(default_factory=list)
    forgotten: list[OpenAlert] = field(default_factory=list)
    reworded: list[tuple[OpenAlert, str]] = field(default_factory=list)


def begin(judgement: Judgement, known: Collection[OpenAlert]) -> dict[Subject, str]:
    """Return what holds and has no alert yet, with its detail."""
    there = {alert.about for alert in known}
    return {each: text for each, text in judgement.holding.items() if each not in there}


def next_steps(
    judgement: Judgement,
    known: Collection[OpenAlert],
    now: datetime,
    patience: Mapping[Condition, timedelta],
    silences: Collection[Silence],
) -> Steps:
    """Return what happens to open alerts, among which is all that holds.

    One that is silenced is announced when the silence ends, if it lasts. It recovers in silence if
    it was never announced.
    """
    steps = Steps()
    for alert in known:
        if judgement.is_over(alert.about):
            (steps.recovered if alert.raised_at else steps.forgotten).append(alert)
            continue
        holds = alert.about in judgement.holding
        is_raised = alert.raised_at is not None
        if not is_raised and holds and now - alert.noticed_at >= patience[alert.condition]:
            steps.raised.append(alert)
            is_raised = True
        is_silent = any(each.covers(alert.about) for each in silences)
        if is_raised and alert.announced_at is None and not is_silent:
            steps.announced.append(alert)
        if holds and (text := judgement.holding[alert.about]) != alert.detail:
            steps.reworded.append((alert, text))
    return steps
