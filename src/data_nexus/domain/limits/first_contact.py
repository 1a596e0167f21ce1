"""When a vendor counts as out of reach: no answer ever, and connections that failed. Pure.

Moments are seconds of a monotonic clock. An answer is whatever came back, a refusal included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# A network that comes up a moment late, as after a machine's sleep, is waited for.
_LEAST_FAILED, _LEAST_SEC = 2, 4.0
# A connection takes three round trips, a quarter of this on a poor line by satellite.
FIRST_CONNECT_SEC = 2.5
# How long to wait between attempts, where a circuit breaker would make a run wait for longer.
BETWEEN_SEC = 1.0


@dataclass(frozen=True, slots=True)
class FirstContact:
    """Whether the vendor has ever been reached in this run, or how it was tried in vain.

    `failed` counts the failed connections; the first of them was begun at `since`.
    """

    is_made: bool = False
    failed: int = 0
    since: float = 0.0


def made(contact: FirstContact) -> FirstContact:
    """Note a connection that was made, whatever became of the request."""
    return contact if contact.is_made else FirstContact(is_made=True)


def missed(contact: FirstContact, begun: float) -> FirstContact:
    """Note a connection that failed, and when it was begun."""
    if contact.is_made:
        return contact
    since = contact.since if contact.failed else begun
    return replace(contact, failed=contact.failed + 1, since=since)


def is_out_of_reach(contact: FirstContact, moment: float) -> bool:
    """Return whether to give up: several connections failed, over a few seconds, and none ever."""
    return (
        not contact.is_made
        and contact.failed >= _LEAST_FAILED
        and moment - contact.since >= _LEAST_SEC
    )
