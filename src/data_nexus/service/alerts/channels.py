"""Open the channels that the settings name: by their names, ready to send."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from data_nexus.config import Settings, check_alert_address, is_file_name, read_secret
from data_nexus.domain.alerting.messages import AlertMessage
from data_nexus.domain.texts import Redact
from data_nexus.errors import UsageError
from data_nexus.service.alerts.mail import Mailbox, parse_server
from data_nexus.service.alerts.services import ServiceChannel
from data_nexus.service.alerts.webhook import WebChannel

CHANNELS = ("webhook", "slack", "email", "apprise")


class Channel(Protocol):
    """A way by which alerts reach a person."""

    async def send(self, message: AlertMessage) -> None:
        """Send a message; raise `AlertNotSent`, which shows no secret, if it was not taken."""
        ...


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Return the channels that are set, by name.

    Raises `UsageError` for one that cannot work: a file that is not there or that others can read,
    an address that is none, a package that is missing.
    """
    opened: Mapping[str, Callable[[Settings], Channel | None]] = {
        "webhook": lambda each: _web(each, "alert_webhook", AlertMessage.as_json),
        "slack": lambda each: _web(each, "alert_slack", AlertMessage.as_slack),
        "email": _mailbox,
        "apprise": _services,
    }
    found = {name: opened[name](settings) for name in CHANNELS}
    return {name: channel for name, channel in found.items() if channel is not None}


def alive_address(settings: Settings) -> str | None:
    """Return the URL that is requested as long as all goes round."""
    return _address(settings, "alive_url")


def redactor(settings: Settings) -> Redact:
    """Return what takes the key out of a text."""
    return settings.token.redact if settings.token else str


def _web(settings: Settings, name: str, body: Callable[..., object]) -> WebChannel | None:
    address = _address(settings, name)
    redact = redactor(settings)
    return WebChannel(address, lambda message: body(message, redact)) if address else None


def _address(settings: Settings, name: str) -> str | None:
    """Return a secret address: the setting itself, or what the file holds that it names."""
    given: str | None = getattr(settings, name)
    if not given:
        return None
    variable = f"NEXUS_{name.upper()}"
    if not is_file_name(given):
        return given
    address = read_secret(str(Path(given).expanduser()), variable)
    check_alert_address(address, f"{variable}: {given}")
    return address


def _mailbox(settings: Settings) -> Mailbox | None:
    to = [each.strip() for each in settings.alert_email.split(",") if each.strip()]
    if not to:
        return None
    sender = settings.alert_email_from or to[0]
    for address in (*to, sender):
        if "@" not in address or not address.isprintable() or " " in address:
            raise UsageError(f"not an address of e-mail: {address!r} (NEXUS_ALERT_EMAIL)")
    file, password = settings.alert_smtp_password, None
    if file:
        password = read_secret(str(Path(file).expanduser()), "NEXUS_ALERT_SMTP_PASSWORD")
    return Mailbox(
        server=parse_server(settings.alert_smtp),
        sender=sender,
        to=tuple(to),
        redact=redactor(settings),
        user=settings.alert_smtp_user,
        password=password,
    )


def _services(settings: Settings) -> ServiceChannel | None:
    file = settings.alert_apprise
    if not file:
        return None
    if importlib.util.find_spec("apprise") is None:
        raise UsageError(
            "NEXUS_ALERT_APPRISE: the package apprise is not installed; run:"
            " pip install 'data-nexus[alerts]'"
        )
    lines = read_secret(str(Path(file).expanduser()), "NEXUS_ALERT_APPRISE").splitlines()
    return ServiceChannel(tuple(each.strip() for each in lines if each.strip()), redactor(settings))
