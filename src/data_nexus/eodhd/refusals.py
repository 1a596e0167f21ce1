"""Translate a refusal: its status and body become the error that says what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from data_nexus.domain.limits.backoff import retry_after_sec
from data_nexus.domain.texts import excerpt, one_line
from data_nexus.errors import (
    CredentialsRefused,
    EndpointNotInPlan,
    NexusError,
    NotListed,
    ProductNotInPlan,
    QuotaSpent,
    RateLimited,
    Redirected,
    RequestRefused,
    VendorFailed,
)

_SAID_CHARS = 120
_KEY = "look at EODHD_API_KEY, or at the file that EODHD_API_KEY_FILE names"


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, subject: str, moment: datetime
) -> NexusError:
    """Return the error for an answer that is not 200, by its status, with the vendor's text."""
    text = f"{subject}: {status} {said(body)}".rstrip()
    if status == 401:
        return CredentialsRefused(f"{text}; the vendor refuses the key: {_KEY}")
    if status == 429:
        return RateLimited(text, retry_after_sec(headers.get("Retry-After"), moment))
    if 300 <= status < 400:
        words = "redirected: a login page of this network, or a wrong EODHD_BASE_URL?"
        return Redirected(f"{subject}: {status} {words}")
    if status in _BY_STATUS:
        return _BY_STATUS[status](text)
    if status == 408 or status >= 500:
        return VendorFailed(text)
    unfit = EndpointNotInPlan if status == 423 else RequestRefused
    return unfit(text, status, body)


def said(body: bytes) -> str:
    """Return the text of a refusal, bounded; empty for a page.

    The vendor's HTML pages repeat the request's URL and with it the token. The client has redacted
    the whole body before.
    """
    words = excerpt(one_line(body.decode("utf-8", "replace")), 4 * _SAID_CHARS, str)
    if "<" in words or "://" in words or "api_token" in words:
        return ""
    return excerpt(words, _SAID_CHARS, str)


_BY_STATUS: dict[int, type[NexusError]] = {
    402: QuotaSpent,  # sent only when the extra calls are used up as well
    403: ProductNotInPlan,
    404: NotListed,
}
