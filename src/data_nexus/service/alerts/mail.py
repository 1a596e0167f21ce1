"""Send alerts by e-mail, as plain text; the password goes over TLS alone."""

from __future__ import annotations

import asyncio
import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime

from data_nexus.config import LOOPBACK_HOSTS
from data_nexus.domain.alerting.messages import AlertMessage
from data_nexus.domain.texts import Redact
from data_nexus.errors import AlertNotSent, UsageError

_TIME_SEC = 15.0
_TLS_FROM_START = 465
_SERVER = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")


def parse_server(text: str) -> tuple[str, int]:
    """Return host and port of `mail.example.com:587`; raise `UsageError` for what is none."""
    found = _SERVER.fullmatch(text.strip())
    if not found or not 0 < int(found[2]) < 65_536:
        raise UsageError(f"NEXUS_ALERT_SMTP: {text!r} is not host:port")
    return found[1].strip("[]"), int(found[2])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Mailbox:
    """Sends mail through a server, to some addresses."""

    server: tuple[str, int]
    sender: str
    to: tuple[str, ...]
    redact: Redact
    user: str = ""
    password: str | None = None

    async def send(self, message: AlertMessage) -> None:
        """Send a message; a repeat has the same Message-ID."""
        await asyncio.to_thread(self._send, self._mail(message))

    def _mail(self, message: AlertMessage) -> EmailMessage:
        mail = EmailMessage()
        # One line, printable: nothing in it begins another header.
        mail["Subject"] = self.redact(message.title)
        mail["From"], mail["To"] = self.sender, ", ".join(self.to)
        mail["Date"] = format_datetime(message.recovered_at or message.raised_at)
        mail["Message-ID"] = f"<{message.key}@data-nexus>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.as_text(self.redact))
        return mail

    def _send(self, mail: EmailMessage) -> None:
        host, port = self.server
        trust = ssl.create_default_context()
        try:
            with _connected(host, port, trust) as server:
                if port != _TLS_FROM_START and host not in LOOPBACK_HOSTS:
                    server.starttls(context=trust)
                if self.user and self.password:
                    server.login(self.user, self.password)
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            raise AlertNotSent(f"the mail server answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise AlertNotSent(f"no mail server ({type(error).__name__})") from None


def _connected(host: str, port: int, trust: ssl.SSLContext) -> smtplib.SMTP:
    if port == _TLS_FROM_START:
        return smtplib.SMTP_SSL(host, port, timeout=_TIME_SEC, context=trust)
    return smtplib.SMTP(host, port, timeout=_TIME_SEC)
