"""Poll the vendor for its own count of the day's calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from data_nexus.eodhd.decode_user import decode_user
from data_nexus.errors import CredentialsRefused, NotInPlan, NotListed, Park, RateLimited, Retry
from data_nexus.events import Observer, Warned
from data_nexus.ingestion.fetching.quota_ledger import Ledger

_EVERY_SEC = 600.0
# Others may spend the same key: the fewer calls are left, the sooner we poll again.
_SHARE_OF_LEFT, _LEAST_CALLS = 10, 100


@dataclass(slots=True)
class UsagePoll:
    """Keeps the ledger's count of the day near the vendor's own.

    `ask` sends one `user` request, which is free, and returns its body. It is polled
    before anything is spent, and again after ten minutes or when `calls`, spent since, are a tenth
    of what was left. `clock` gives seconds.
    """

    ask: Callable[[], Awaitable[bytes]]
    ledger: Ledger
    observe: Observer
    calls: int = 0
    clock: Callable[[], float] = time.monotonic
    _asked_at: float | None = None
    _refused: CredentialsRefused | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def keep(self) -> None:
        """Ask if it is time; raise `CredentialsRefused` for a token that the vendor refuses."""
        async with self._lock:
            if self._refused:
                raise self._refused
            if self._is_due():
                self._asked_at, self.calls = self.clock(), 0
                await self._learn()

    def forget(self) -> None:
        """Ask before the next request, whenever that is."""
        self._asked_at = None

    def _is_due(self) -> bool:
        if self._asked_at is None or self.clock() > self._asked_at + _EVERY_SEC:
            return True
        if self.ledger.row.is_doubtful:
            self.ledger.row.is_doubtful = False
            return True
        left = self.ledger.left
        return left is not None and self.calls > max(_LEAST_CALLS, left // _SHARE_OF_LEFT)

    async def _learn(self) -> None:
        try:
            account = decode_user(await self.ask())
        except CredentialsRefused as refused:
            self._refused = refused
            raise
        except NotListed:
            # Every key has an account: what does not know it is not the vendor's root.
            text = "the vendor has no account there (404); is EODHD_BASE_URL right?"
            self.observe(Warned("user", text))
        except (Retry, Park, RateLimited) as error:
            self.observe(Warned("user", f"the day's count is not known: {error}"))
        except NotInPlan:
            return  # the demo key has no account
        else:
            await self.ledger.note_account(
                account.spent, account.counted_on, account.day_limit, account.extra
            )
