"""Watch over a daemon's work: raise alerts, send their messages, say that all goes round.

What holds is read from the database, so that it makes no difference which daemon looks, or whether
one was killed. A message is a row that a daemon claims, sends and marks: killed in between, it is
sent again under the same key.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from data_nexus.config import Settings
from data_nexus.database.store import Store, open_store
from data_nexus.domain.alerting.conditions import Bounds, judge
from data_nexus.domain.alerting.lives import Steps, next_steps
from data_nexus.domain.alerting.messages import AlertMessage, MessageKind
from data_nexus.domain.alerting.patience import last_hour, parse_patience
from data_nexus.errors import AlertNotSent, NexusError, UsageError
from data_nexus.events import (
    AlertRaised,
    AlertRecovered,
    AlertSent,
    Event,
    JobEnded,
    Observer,
    Warned,
)
from data_nexus.ingestion.wiring import foreseen
from data_nexus.service.alerts.channels import Channel, alive_address, open_channels
from data_nexus.service.alerts.known import FreeShare, free_share, gather_known
from data_nexus.service.alerts.webhook import request_alive

# A channel that is down is tried again after ever longer waits, up to this one.
_LONGEST_WAIT_SEC = 300.0
_ALIVE_EVERY_SEC = 60.0
# However seldom a daemon looks for due jobs; and while another daemon decides.
_LONGEST_REST_SEC, _MOMENT_SEC = 15.0, 1.0
_SUBJECT = "alerts"
_LOG = logging.getLogger("data_nexus")
Clock = Callable[[], datetime]


@dataclass(slots=True)
class AlertWatch:
    """Looks at the database of `url` again and again; the settings are those of now."""

    settings: Callable[[], Settings]
    url: str
    observe: Observer
    clock: Clock | None = None
    free: FreeShare = free_share
    longest_rest_sec: float = _LONGEST_REST_SEC
    _channels: dict[str, Channel] = field(default_factory=dict)
    _seen: Settings | None = None
    _in_force: Settings | None = None
    _alive_at: float | None = None
    _warned: dict[str, str] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: Event) -> None:
        """Listen to a daemon's events: when a job has ended, look at once."""
        if isinstance(event, JobEnded):
            self._news.set()

    async def run(self) -> None:
        """Watch until cancelled; a database that is away is waited for."""
        while True:
            try:
                await self._with_store()
            except Exception as error:  # noqa: BLE001 - what goes wrong here must not end the jobs
                self._warn_of(foreseen(error))
            await asyncio.sleep(self._rest_sec())

    async def once(self) -> None:
        """Look once, and send what is to be sent; what fails is a warning."""
        try:
            async with self._store() as store:
                await self.look(store)
        except Exception as error:  # noqa: BLE001 - as above
            self._warn_of(foreseen(error))

    async def look(self, store: Store) -> bool:
        """Decide, send, and say that all goes round; return whether no other daemon decided."""
        settings = self._checked()
        is_decided = await self._decide(store, settings)
        async with asyncio.TaskGroup() as group:
            for name, channel in self._channels.items():
                group.create_task(self._deliver(store, name, channel))
            group.create_task(self._say_alive(settings))
        self._warned.pop(_SUBJECT, None)
        return is_decided

    async def _with_store(self) -> None:
        async with self._store() as store, asyncio.TaskGroup() as group:
            # Once its session is gone, others take the messages that it has claimed.
            group.create_task(store.leases.watch())
            while True:
                self._news.clear()
                # Another daemon may have read the jobs before one of this daemon ended.
                rest_sec = self._rest_sec() if await self.look(store) else _MOMENT_SEC
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), rest_sec)

    def _rest_sec(self) -> float:
        return min(self.settings().poll_seconds, self.longest_rest_sec)

    def _store(self) -> AbstractAsyncContextManager[Store]:
        settings = self.settings()
        return open_store(self.url, settings.schema, 1, settings.lease_seconds)

    def _checked(self) -> Settings:
        """Return the settings in force, with channels for them; wrong ones leave those before."""
        settings = self.settings()
        if settings is not self._seen:
            self._seen = settings
            try:
                check_alert_settings(settings)
                self._channels = dict(open_channels(settings))
            except UsageError as error:
                self.observe(Warned(_SUBJECT, f"those before stay in force: {error}"))
            else:
                self._in_force = settings
        return self._in_force or settings

    async def _decide(self, store: Store, settings: Settings) -> bool:
        now = self.clock() if self.clock else await store.runs.moment()
        steps = Steps()
        async with store.alerts.alone() as table:
            if table is None:
                return False
            known = await gather_known(table, store, settings, now, self.free)
            bounds = Bounds(settings.alert_behind_share, settings.alert_disk_free)
            judgement = judge(known, bounds)
            patience = parse_patience(settings.alert_patience)
            there = await table.notice(judgement, now)
            steps = next_steps(judgement, there, now, patience, await table.silences())
            await table.take(steps, now, self._channels)
        for each in steps.raised:
            self.observe(AlertRaised(each.condition, each.subject, each.detail))
        for each in steps.recovered:
            self.observe(AlertRecovered(each.condition, each.subject))
        return True

    async def _deliver(self, store: Store, name: str, channel: Channel) -> None:
        """Send a channel's messages, until there is none or one is not taken."""
        while (claimed := await store.alerts.claim(name)) is not None:
            try:
                await channel.send(claimed.as_message())
            except AlertNotSent as error:
                base = self.settings().backoff_seconds
                wait = min(base * 2.0 ** min(claimed.attempts, 30), _LONGEST_WAIT_SEC)
                await store.alerts.settle(claimed, str(error), wait)
                self._warn_once(name, f"not sent, and tried again: {error}")
                return
            await store.alerts.settle(claimed)
            self._warned.pop(name, None)
            about = (claimed.kind, claimed.condition, claimed.subject)
            self.observe(AlertSent(name, *about, claimed.attempts))

    async def _say_alive(self, settings: Settings) -> None:
        """Request the URL of who listens for silence, at most once a minute."""
        now = time.monotonic()
        if self._alive_at is not None and now < self._alive_at + _ALIVE_EVERY_SEC:
            return
        try:
            if address := alive_address(settings):
                await request_alive(address)
                self._alive_at = now
                self._warned.pop("alive_url", None)
        except (AlertNotSent, UsageError) as error:
            self._warn_once("alive_url", str(error))

    def _warn_of(self, error: BaseException) -> None:
        if isinstance(error, NexusError):
            self._warn_once(_SUBJECT, f"no alert is raised or sent meanwhile: {error}")
        else:
            _LOG.error("a bug of ours in the alerts; please report it", exc_info=error)

    def _warn_once(self, subject: str, text: str) -> None:
        """Warn, unless the last warning about it said the same."""
        if self._warned.get(subject) != text:
            self._warned[subject] = text
            self.observe(Warned(subject, text))


def check_alert_settings(settings: Settings) -> None:
    """Raise `UsageError` for a patience or an hour that is none."""
    parse_patience(settings.alert_patience)
    last_hour(settings.alert_fresh_by, datetime.now(UTC))


@asynccontextmanager
async def watched(watch: AlertWatch, *, once: bool) -> AsyncIterator[None]:
    """Watch over what the block does; with `once` look after it, a single time.

    Raises `UsageError` at once for settings of alerts with which none could be sent.
    """
    check_alert_settings(watch.settings())
    open_channels(watch.settings())
    if once:
        yield
        await watch.once()
        return
    watching = asyncio.create_task(watch.run(), name="alerts")
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def send_test(settings: Settings, channel: str | None) -> dict[str, str]:
    """Send a test by a channel, or by all that are set; return by name why not ("": it was sent).

    Raises `UsageError` if there is none.
    """
    channels = open_channels(settings)
    if channel is not None and channel in channels:
        channels = {channel: channels[channel]}
    elif channel is not None or not channels:
        what = f"the channel {channel} is" if channel else "no channel is"
        raise UsageError(
            f"{what} not set" if channel else f"{what} set; for one: NEXUS_ALERT_WEBHOOK"
        )
    now = datetime.now(UTC)
    message = AlertMessage(
        key=f"{now.timestamp():.6f}-test",
        kind=MessageKind.TEST,
        condition="test",
        subject="test",
        detail="This is how an alert arrives.",
        raised_at=now,
    )
    found: dict[str, str] = {}
    for name, each in channels.items():
        try:
            await each.send(message)
            found[name] = ""
        except AlertNotSent as error:
            found[name] = str(error)
    return found
