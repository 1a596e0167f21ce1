"""`Fetchers`: the tasks of a run that fetch, ended in time once the run is to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from data_nexus.ingestion.fetching.requester import FetchState
from data_nexus.ingestion.histories.turns import first_of

# How often a run that is to stop checks which fetchers may be ended.
_POLL_SEC = 0.05


@dataclass(slots=True)
class Fetchers:
    """Runs fetchers until one of the events `stops` happens; then they have half of the grace."""

    stops: Sequence[asyncio.Event]
    grace_sec: float
    # How far each has come; it may be cancelled at will while it waits.
    _fetching: dict[asyncio.Task[Any], FetchState] = field(default_factory=dict)

    async def run(self, *work: Coroutine[Any, Any, None]) -> None:
        """Do work that fetches, and cut it short if the run is to stop."""
        async with asyncio.TaskGroup() as fetching:
            fetchers = [fetching.create_task(one, name="fetcher") for one in work]
            watching = fetching.create_task(self._cut_short(fetchers), name="drain")
            await asyncio.wait(fetchers)
            watching.cancel()

    @contextmanager
    def fetching(self, state: FetchState) -> Iterator[None]:
        """Say that the running task fetches, and how far it has come."""
        fetcher = asyncio.current_task()
        assert fetcher  # noqa: S101 - what awaits runs in a task
        self._fetching[fetcher] = state
        try:
            yield
        finally:
            self._fetching.pop(fetcher, None)

    async def _cut_short(self, fetchers: Sequence[asyncio.Task[None]]) -> None:
        """Once the run is to stop, end who waits; requests under way may finish."""
        await first_of(self.stops)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.grace_sec / 2):
                while True:
                    for fetcher in [
                        one for one, state in self._fetching.items() if state.is_waiting
                    ]:
                        del self._fetching[fetcher]
                        fetcher.cancel()
                    await asyncio.sleep(_POLL_SEC)
        for fetcher in fetchers:
            fetcher.cancel()
