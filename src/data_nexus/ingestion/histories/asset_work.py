"""`AssetWork`: what a run does with each asset that it has leased."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import NexusError, Park
from data_nexus.events import Event
from data_nexus.ingestion.fetching.requester import FetchState

Read = TypeVar("Read")


class AssetWork(Protocol[Read]):
    """Reads an asset's answer and keeps it; the engine decides when, and what its errors mean."""

    def keeping(self) -> AbstractAsyncContextManager[None]:
        """Return the time in which answers may be kept; at its end all of them are."""

    async def read(self, lease: Lease, state: FetchState) -> Read:
        """Return what the vendor answers for the asset, decoded and checked."""

    def is_good(self, answer: Read) -> bool:
        """Whether an answer shows that the vendor answers rightly."""

    def doubt(self, lease: Lease, answer: Read) -> NexusError | None:
        """Return why an answer may not be the asset's own; None if it is believed at once."""

    async def keep(self, lease: Lease, answer: Read) -> None:
        """Have an answer written, unless its lease was lost meanwhile."""

    async def flush(self) -> None:
        """Wait until all that was to be kept is written."""

    def parking(self, lease: Lease, unfit: Park) -> Callable[[], Awaitable[None]]:
        """Return what parks an asset for an unfit answer, whose body is let go."""

    def failure(self, lease: Lease, error: NexusError) -> Event:
        """Return what is reported of an asset that got no answer, or lost its lease."""

    async def ask_witness(self, symbol: Symbol) -> None:
        """Fetch an answer for a symbol and throw it away; raise if none is usable."""
