"""Make a dead letter: what a person needs to know of an asset whose answer was unfit. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from data_nexus.database.store.batch import DeadLetter
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.lease import Lease
from data_nexus.errors import Park

_EXCERPT_CHARS = 2000
_READ_BYTES = 65_536


def dead_letter_of(lease: Lease, unfit: Park, redact: Callable[[str], str]) -> DeadLetter:
    """Return the dead letter of an unfit answer; `redact` removes the token from it."""
    # Redacted before it is cut: a cut through the token would show half of it.
    text = unfit.body[:_READ_BYTES].decode("utf-8", "replace").replace("\0", "\N{SYMBOL FOR NULL}")
    return DeadLetter(
        endpoint=Endpoint.EOD,
        request=unfit.request or f"/{Endpoint.EOD}/{lease.symbol}",
        status=unfit.status,
        reason=redact(str(unfit)),
        excerpt=redact(text)[:_EXCERPT_CHARS],
        body_sha256=hashlib.sha256(unfit.body).hexdigest() if unfit.body else None,
    )
