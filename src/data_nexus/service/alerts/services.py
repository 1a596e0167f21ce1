"""Send alerts through the services that the package apprise knows; it is an extra."""

from __future__ import annotations

import asyncio
import importlib
import logging
from dataclasses import dataclass

from data_nexus.domain.alerting.messages import AlertMessage
from data_nexus.domain.texts import Redact
from data_nexus.errors import AlertNotSent


@dataclass(frozen=True, slots=True, repr=False)
class ServiceChannel:
    """Sends to the services of some URLs, which are secret."""

    urls: tuple[str, ...]
    redact: Redact

    async def send(self, message: AlertMessage) -> None:
        """Send a message to all of them; again to all if one did not take it."""
        await asyncio.to_thread(self._send, self.redact(message.title), message)

    def _send(self, title: str, message: AlertMessage) -> None:
        # Its own log lines show URLs.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        apprise = importlib.import_module("apprise")
        services = apprise.Apprise()
        if not services.add(list(self.urls)):
            raise AlertNotSent("the file of NEXUS_ALERT_APPRISE holds a line that is no service")
        if not services.notify(title=title, body=message.as_text(self.redact), body_format="text"):
            raise AlertNotSent("a service of apprise did not take it")
