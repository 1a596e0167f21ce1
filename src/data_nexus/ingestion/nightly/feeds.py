"""Fetch what the vendor sends of an exchange's sessions in bulk: prices, splits, dividends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.validation.bulk_session import BulkSession, RejectedBulkRow
from data_nexus.domain.validation.price_kinds import PriceKinds
from data_nexus.eodhd.decode_bulk import decode_bulk_dividends, decode_bulk_splits
from data_nexus.eodhd.requests import Request, bulk_request
from data_nexus.ingestion.fetching.drain import DrainableRequester
from data_nexus.ingestion.fetching.requester import FetchState
from data_nexus.ingestion.nightly.bulk_session import Feed, decode_session, feed_of, named_in

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SessionActions:
    """The splits and dividends of a session by code, and the rows that were rejected.

    `named` are the codes with an action, also those whose action cannot be read.
    """

    splits: dict[str, tuple[Split, ...]]
    dividends: dict[str, tuple[Dividend, ...]]
    rejects: tuple[RejectedBulkRow, ...]
    named: frozenset[str]


@dataclass(slots=True)
class BulkFeeds:
    """Fetches the sessions of one exchange; `calls` is what that has cost so far."""

    exchange: str
    drainable: DrainableRequester
    redact: Callable[[str], str]
    kinds: PriceKinds
    calls: int = 0

    async def prices(
        self, session: date, asset_types: Mapping[str, str], needed: int = 0
    ) -> BulkSession:
        """Return a session's prices; `asset_types`, by code, say which may be negative.

        Nothing is fetched on a day without the calls `needed`.
        """
        signed = self.kinds.signed_codes(self.exchange, asset_types)
        return await self._fetch(
            bulk_request(self.exchange, session),
            lambda body: decode_session(body, self.exchange, session, self.redact, signed),
            replace(self.drainable, needed=needed),
        )

    async def actions(self, session: date) -> SessionActions:
        """Return a session's splits and dividends; a drain lets them be finished."""
        splits = await self.splits(session)
        dividends = await self.dividends(session)
        return SessionActions(
            splits.actions.by_code,
            dividends.actions.by_code,
            splits.rejects + dividends.rejects,
            named_in(splits.actions) | named_in(dividends.actions),
        )

    async def splits(self, session: date) -> Feed[Split]:
        """Return a session's splits."""
        return await self._fetch(
            bulk_request(self.exchange, session, "splits"),
            lambda body: feed_of(
                body, lambda sent: decode_bulk_splits(sent, self.exchange, session), self.redact
            ),
            replace(self.drainable, is_begun=True),
        )

    async def dividends(self, session: date) -> Feed[Dividend]:
        """Return a session's dividends."""
        return await self._fetch(
            bulk_request(self.exchange, session, "dividends"),
            lambda body: feed_of(
                body, lambda sent: decode_bulk_dividends(sent, self.exchange, session), self.redact
            ),
            replace(self.drainable, is_begun=True),
        )

    async def _fetch(
        self, request: Request, decode: Callable[[bytes], Result], drainable: DrainableRequester
    ) -> Result:
        state = FetchState()
        try:
            return (await drainable.fetch(request, decode, state)).decoded
        finally:
            self.calls += state.calls
