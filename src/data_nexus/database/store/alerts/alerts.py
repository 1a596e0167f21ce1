"""Decide about alerts, one daemon at a time, and hand out their messages, each to one sender."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import args_row, class_row, dict_row, scalar_row

from data_nexus.config import Secret
from data_nexus.database.connection import AsyncConn
from data_nexus.database.pool import Pool, rows_of
from data_nexus.database.queries import query, token_id
from data_nexus.domain.alerting.conditions import (
    Condition,
    FailingEndpoint,
    Judgement,
    WaitingAssets,
)
from data_nexus.domain.alerting.lives import OpenAlert, Silence, Steps, begin
from data_nexus.domain.alerting.messages import AlertMessage, MessageKind
from data_nexus.domain.limits.quota import Quota, believed, on_day

# What a run is compared with.
_RUNS = 20
# What a channel did not take is no news after so many days.
_GIVEN_UP_AFTER_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedMessage:
    """A message that is this daemon's to send, for the nth time."""

    alert_id: int
    alert_key: str
    kind: str
    channel: str
    attempts: int
    condition: str
    subject: str
    detail: str
    raised_at: datetime
    recovered_at: datetime | None

    def as_message(self) -> AlertMessage:
        """Return what is sent."""
        return AlertMessage(
            key=f"{self.alert_key}-{self.kind}",
            kind=MessageKind(self.kind),
            condition=self.condition,
            subject=self.subject,
            detail=self.detail,
            raised_at=self.raised_at,
            recovered_at=self.recovered_at,
        )


@dataclass(frozen=True, slots=True)
class AlertTable:
    """The alerts in a transaction in which no other daemon decides about them."""

    _connection: AsyncConn

    async def job_records(self) -> list[dict[str, Any]]:
        """Return the jobs with their last runs, and the last that each has done."""
        return await rows_of(self._connection, "read_job_records", {"most": _RUNS}, dict_row)

    async def quota(self, token: Secret | None) -> tuple[Quota, datetime] | None:
        """Return what the ledger knows of a token's quota, and the moment; None if nothing."""
        parameters = {"token_id": token_id(token) if token else None}
        found = await rows_of(self._connection, "read_quota", parameters, dict_row)
        if not found:
            return None
        row = {name: each for name, each in found[0].items() if name != "reported_at"}
        moment: datetime = row.pop("moment")
        return on_day(believed(Quota(**row), moment), moment.date()), moment

    async def dead_letters(self) -> list[WaitingAssets]:
        """Return the assets that are parked, by exchange and day."""
        rows = args_row(WaitingAssets)
        return await rows_of(self._connection, "read_waiting_letters", {}, rows)

    async def suspicions(self) -> list[WaitingAssets]:
        """Return the suspicions that wait for a person, by exchange and session."""
        rows = args_row(WaitingAssets)
        return await rows_of(self._connection, "read_lasting_suspicions", {}, rows)

    async def failing_endpoints(self) -> list[FailingEndpoint]:
        """Return the endpoints at which workers are failing."""
        rows = args_row(FailingEndpoint)
        return await rows_of(self._connection, "read_failing_endpoints", {}, rows)

    async def silences(self) -> list[Silence]:
        """Return what a person has silenced."""
        return await rows_of(self._connection, "read_silences", {}, args_row(_silence))

    async def notice(self, judgement: Judgement, now: datetime) -> list[OpenAlert]:
        """Begin an alert for all that holds, and return the open ones."""
        known = await self._open()
        new = begin(judgement, known)
        for about, detail in new.items():
            row = {"condition": about.condition, "subject": about.name, "detail": detail}
            await self._connection.execute(query("notice_alert"), row | {"now": now})
        return await self._open() if new else known

    async def take(self, steps: Steps, now: datetime, channels: Collection[str]) -> None:
        """Write what happens to alerts, with their messages; without a channel none are sent."""
        for alert, detail in steps.reworded:
            await self._do("reword_alert", alert, detail=detail)
        for alert in steps.raised:
            await self._do("raise_alert", alert, now=now)
        for alert in steps.announced if channels else ():
            await self._do("announce_alert", alert, now=now, channels=[*channels])
        for alert in steps.recovered:
            await self._do("recover_alert", alert, now=now)
        for alert in steps.forgotten:
            await self._do("forget_alert", alert)

    async def _do(self, name: str, alert: OpenAlert, **values: object) -> None:
        await self._connection.execute(query(name), {"alert_id": alert.alert_id, **values})

    async def _open(self) -> list[OpenAlert]:
        found = await rows_of(self._connection, "read_open_alerts", {}, class_row(_OpenRow))
        return [each.as_alert() for each in found]


@dataclass(frozen=True, slots=True)
class StoredAlerts:
    """The alerts as the daemon `owner` decides about them and sends their messages."""

    _pool: Pool
    owner: int

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AlertTable | None]:
        """Give the alerts for a transaction; None if another daemon decides about them now."""
        async with self._pool.begin() as connection:
            (is_alone,) = await rows_of(connection, "watch_alone", {}, scalar_row)
            yield AlertTable(connection) if is_alone else None

    async def claim(self, channel: str) -> ClaimedMessage | None:
        """Claim the next message of a channel; None if none is to be sent now."""
        parameters = {"channel": channel, "owner": self.owner, "days": _GIVEN_UP_AFTER_DAYS}
        found: Sequence[ClaimedMessage] = await self._pool.rows(
            "claim_messages", parameters, class_row(ClaimedMessage)
        )
        return found[0] if found else None

    async def settle(
        self, message: ClaimedMessage, trouble: str = "", wait_sec: float = 0.0
    ) -> None:
        """Say that a message was sent, or with `trouble` that it is tried again after a while."""
        parameters = {
            "alert_id": message.alert_id,
            "kind": message.kind,
            "channel": message.channel,
            "owner": self.owner,
            "trouble": trouble,
            "wait_sec": wait_sec,
        }
        await self._pool.execute("settle_message", parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenRow:
    """An open alert as it is stored."""

    alert_id: int
    condition: str
    subject: str
    noticed_at: datetime
    raised_at: datetime | None
    announced_at: datetime | None
    detail: str

    def as_alert(self) -> OpenAlert:
        """Return it as a value."""
        return OpenAlert(
            alert_id=self.alert_id,
            condition=Condition(self.condition),
            subject=self.subject,
            noticed_at=self.noticed_at,
            raised_at=self.raised_at,
            announced_at=self.announced_at,
            detail=self.detail,
        )


def _silence(condition: str, subject: str) -> Silence:
    return Silence(Condition(condition), subject)
