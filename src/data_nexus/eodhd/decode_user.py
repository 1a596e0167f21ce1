"""Decode the answer of `user`: the vendor's own count of the day's calls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated

import msgspec

from data_nexus.domain.texts import excerpt, one_line
from data_nexus.eodhd.answer import NOT_JSON, read_object
from data_nexus.errors import NotAnAnswer

# More than any plan has: a larger number means *without limit*, and the ledger adds some of them.
_MOST = 500_000_000
_LONGEST_MODE = 30
_Calls = Annotated[int, msgspec.Meta(ge=0)]


class _User(msgspec.Struct, rename="camel"):
    api_requests: _Calls
    daily_rate_limit: _Calls
    api_requests_date: str | None = None
    extra_limit: _Calls | None = None
    # Shown only, and of any type: the count must not be lost for them.
    subscription_mode: object = None
    subscription_type: object = None


_user = msgspec.json.Decoder(_User, strict=False)


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """The vendor's own count: `spent` calls on the day `counted_on`, the limit, the extra calls.

    `mode` is the kind of plan in the vendor's words (paid, free, demo), bounded; empty if not sent.
    """

    spent: int
    counted_on: date | None
    day_limit: int
    extra: int
    mode: str = ""


def decode_user(body: bytes) -> AccountUsage:
    """Return the account's usage; raise `BrokenAnswer` or `NotAnAnswer` for anything else.

    A number that is larger than any plan's is read as the largest; a negative one is no answer.
    """
    try:
        user = _read(body)
        counted_on = date.fromisoformat(user.api_requests_date) if user.api_requests_date else None
    except msgspec.ValidationError:
        raise NotAnAnswer("user: not an account's answer") from None
    except ValueError:
        raise NotAnAnswer("user: its date cannot be read") from None
    spent, limit, extra = (
        min(calls, _MOST)
        for calls in (user.api_requests, user.daily_rate_limit, user.extra_limit or 0)
    )
    return AccountUsage(spent, counted_on, limit, extra, _mode(user))


def _mode(user: _User) -> str:
    """Return the mode, or else the type of the subscription: a few characters of text."""
    for sent in (user.subscription_mode, user.subscription_type):
        if isinstance(sent, str) and sent.strip():
            return excerpt(one_line(sent), _LONGEST_MODE, str)
    return ""


def _read(body: bytes) -> _User:
    """Read the account; an odd value under a key that is not read costs nothing."""
    try:
        return _user.decode(body)
    except msgspec.ValidationError:
        raise
    except NOT_JSON:
        return msgspec.convert(read_object(body, "user"), _User, strict=False)
