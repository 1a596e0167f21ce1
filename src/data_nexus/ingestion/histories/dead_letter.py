"""Make a dead letter: what a person needs to know of an asset whose answer was unfit. Pure."""

from __future__ import annotations

import hashlib

from data_nexus.database.store.batch import DeadLetter
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.texts import Redact, excerpt, one_line
from data_nexus.errors import Park

_EXCERPT_CHARS = 2000
_REASON_CHARS = 500


def dead_letter_of(lease: Lease, unfit: Park, redact: Redact) -> DeadLetter:
    """Return the dead letter of an unfit answer; `redact` removes the token from it."""
    return DeadLetter(
        endpoint=Endpoint.EOD,
        request=unfit.request or f"/{Endpoint.EOD}/{lease.symbol}",
        status=unfit.status,
        reason=excerpt(one_line(str(unfit)), _REASON_CHARS, redact),
        excerpt=excerpt(unfit.body, _EXCERPT_CHARS, redact),
        body_sha256=hashlib.sha256(unfit.body).hexdigest() if unfit.body else None,
    )
