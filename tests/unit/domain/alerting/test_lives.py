"""An alert is raised once patience ends, announced unless silenced, and recovers once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_nexus.domain.alerting.conditions import Condition, Judgement, Subject
from data_nexus.domain.alerting.lives import OpenAlert, Silence, Steps, next_steps
from data_nexus.domain.alerting.messages import AlertMessage, MessageKind
from data_nexus.domain.alerting.patience import last_hour, parse_duration, parse_patience
from data_nexus.errors import UsageError

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
ABOUT = Subject(Condition.DOWN, "vendor")
HOLDS, OVER = Judgement({ABOUT: "x"}, frozenset()), Judgement({}, frozenset())
UNDECIDED = Judgement({}, frozenset({ABOUT}))
PENDING = OpenAlert(
    alert_id=1, condition=ABOUT.condition, subject="vendor", noticed_at=NOON, detail="x"
)


def steps(
    judgement: Judgement, alert: OpenAlert, minutes: int = 0, silence: Silence | None = None
) -> Steps:
    patience = parse_patience("")
    now = NOON + timedelta(minutes=minutes)
    return next_steps(judgement, [alert], now, patience, [silence] if silence else [])


def raised(*, announced: bool) -> OpenAlert:
    return OpenAlert(
        alert_id=1,
        condition=ABOUT.condition,
        subject="vendor",
        noticed_at=NOON,
        raised_at=NOON,
        announced_at=NOON if announced else None,
        detail="x",
    )


def test_it_is_raised_when_patience_ends_and_forgotten_before() -> None:
    assert steps(HOLDS, PENDING, 9) == Steps()
    assert steps(HOLDS, PENDING, 10) == Steps(raised=[PENDING], announced=[PENDING])
    assert steps(UNDECIDED, PENDING, 60) == Steps()
    assert steps(OVER, PENDING, 60) == Steps(forgotten=[PENDING])


def test_it_is_announced_once_and_recovers_once() -> None:
    known = raised(announced=True)
    assert steps(HOLDS, known, 60) == steps(UNDECIDED, known, 60) == Steps()
    assert steps(OVER, known, 60) == Steps(recovered=[known])


def test_a_silence_puts_the_message_off() -> None:
    silence = Silence(Condition.DOWN, "")
    assert steps(HOLDS, PENDING, 10, silence) == Steps(raised=[PENDING])
    waiting = raised(announced=False)
    assert steps(HOLDS, waiting, 20, silence) == Steps()
    assert steps(HOLDS, waiting, 20) == Steps(announced=[waiting])
    assert steps(HOLDS, waiting, 20, Silence(Condition.DOWN, "other")).announced == [waiting]


def test_patience_and_hours_are_read() -> None:
    assert parse_patience("down 5m, late 2h")[Condition.DOWN] == timedelta(minutes=5)
    assert parse_duration("3d") == timedelta(3)
    assert last_hour("12:00", NOON) == NOON
    assert last_hour("12:01", NOON) == NOON - timedelta(hours=23, minutes=59)
    assert last_hour("08:30 Europe/Berlin", NOON) == NOON.replace(hour=7, minute=30)
    assert last_hour("off", NOON) is None
    for wrong in ("", "25:00", "12", "12:00 Nowhere/Land"):
        with pytest.raises(UsageError, match="not an hour"):
            last_hour(wrong, NOON)
    with pytest.raises(UsageError, match="no condition 'up'"):
        parse_patience("up 5m")
    with pytest.raises(UsageError, match="not a duration"):
        parse_patience("down soon")


def test_hostile_text_is_one_line_and_no_markup() -> None:
    message = AlertMessage(
        key="k",
        kind=MessageKind.RAISED,
        condition="job-failed",
        subject="update\r\nBcc: all@example.com",
        detail="<!channel> @here [x](http://evil.example) \x1b[31m\n<script>token</script>",
        raised_at=NOON,
    )
    assert "\n" not in message.title
    text = message.as_slack(lambda each: each.replace("token", "***"))["text"]
    assert not {"<", ">", "@here", "://", "](", "\x1b", "token"} & {
        each for each in ("<", ">", "@here", "://", "](", "\x1b", "token") if each in text
    }
    assert message.as_json(str)["subject"] == "update Bcc: all@example.com"
    assert len(message.as_text(str).splitlines()) == 3
