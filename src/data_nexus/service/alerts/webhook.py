"""Post alerts as JSON, and request the URL by which an outside service hears that all goes round.

The URL is a secret: no error says more of it than why it did not work.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from data_nexus import __version__
from data_nexus.config import vendor_proxy
from data_nexus.domain.alerting.messages import AlertMessage
from data_nexus.errors import AlertNotSent

_TIME = aiohttp.ClientTimeout(total=10)
_AGENT = f"data-nexus/{__version__}"


@dataclass(frozen=True, slots=True, repr=False)
class WebChannel:
    """Posts what `body` makes of a message to a secret address."""

    address: str
    body: Callable[[AlertMessage], object]

    async def send(self, message: AlertMessage) -> None:
        """Post a message; its key goes along, by which a receiver knows a repeat."""
        await _request("POST", self.address, self.body(message), {"Idempotency-Key": message.key})


async def request_alive(address: str) -> None:
    """Request the URL; raise `AlertNotSent` if it does not answer well."""
    await _request("GET", address, None, {})


async def _request(method: str, address: str, body: object, headers: dict[str, str]) -> None:
    sent = {"User-Agent": _AGENT, **headers}
    proxy = vendor_proxy(address, os.environ)
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIME, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                method, address, json=body, headers=sent, allow_redirects=False, proxy=proxy
            ) as answer,
        ):
            status = answer.status
    except TimeoutError:
        raise AlertNotSent("no answer within 10 seconds") from None
    except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
        raise AlertNotSent(f"no connection ({type(error).__name__})") from None
    if 300 <= status < 400:
        raise AlertNotSent(f"it answered with a redirect ({status}), which is not followed")
    if not 200 <= status < 300:
        raise AlertNotSent(f"it answered {status}")
