"""Hold back what unfit answers mean for their assets until the vendor is seen to answer rightly.

A refusal or *not found* parks an asset, or lets it rest. As long as no asset gets a good answer, it
may be a trouble of the vendor or of the way to it instead. After too many, witnesses are asked for:
assets that the vendor has served before. With a good answer for one of them, or for any asset, what
was held back holds; with none, all of it is given up and the assets stay due.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from data_nexus.domain.limits.mass_failure import UnfitAnswer, is_dubious_end, is_mass_failure
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import (
    BrokenAnswer,
    EndpointNotInPlan,
    NexusError,
    NotListed,
    Park,
    Postpone,
    ProductNotInPlan,
    Retry,
    VendorUnavailable,
)
from data_nexus.events import Observer, Waiting
from data_nexus.ingestion.fetching.drain import Drain

# Any of them may have left the vendor's lists meanwhile.
_WITNESSES = 3
_LONGEST_WAIT_SEC = 600.0


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An asset's unfit answer; `settle` does what it means, if it is the asset's own.

    Without `settle` nothing is held back: the asset was left due, and the answer only counts. `at`
    (monotonic) is when it was asked for.
    """

    lease: Lease
    error: NexusError
    at: float
    settle: Callable[[], Awaitable[None]] | None = None

    @property
    def unfit(self) -> UnfitAnswer:
        """The answer as a value to compare."""
        is_gone = isinstance(self.error, NotListed)
        return UnfitAnswer(
            symbol=str(self.lease.symbol),
            kind=type(self.error).__name__,
            reason=str(self.error),
            is_absence=is_gone and self.lease.is_first,
            is_loss=is_gone and not self.lease.is_first,
        )


@dataclass(slots=True)
class DoubtfulAnswers:
    """The unfit answers of a run since the last good one.

    `ask` fetches an answer for a witness, to throw it away; `witnesses` names some, not among the
    assets with these ids; `leave_due` gives assets back without an answer, and says so. `waits`:
    after a mass failure the run waits for a witness to be answered instead of ending.
    """

    ask: Callable[[Symbol], Awaitable[object]]
    witnesses: Callable[[Sequence[int], int], Awaitable[list[Symbol]]]
    leave_due: Callable[[Sequence[Doubtful]], Awaitable[None]]
    observe: Observer
    drain: Drain
    waits: bool = False
    first_wait_sec: float = 30.0
    _held: list[Doubtful] = field(default_factory=list)
    _was_good: bool = False
    # What was asked for before this moment may have met a mass failure.
    _distrusted_until: float = -math.inf
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def hold(self, doubtful: Doubtful) -> None:
        """Hold an unfit answer back; raise `VendorUnavailable` for a mass failure.

        Raises whatever else ends a run, if that is what the witnesses bring.
        """
        async with self._lock:
            if doubtful.at <= self._distrusted_until:
                await self._leave_due([doubtful])
                return
            self._held.append(doubtful)
            if is_mass_failure([each.unfit for each in self._held]):
                try:
                    await self._decide(doubtful.error)
                except NexusError:
                    await self.give_up()
                    raise

    def attempts_of(self, lease: Lease, begun: float) -> Callable[[Retry], Awaitable[None]]:
        """Return what counts an asset's answers that cannot be read, before each is tried again.

        A login page answers all attempts alike: nothing is gained by making them for ten assets.
        """

        async def note(error: Retry) -> None:
            if isinstance(error, BrokenAnswer):
                await self.hold(Doubtful(lease, error, begun))

        return note

    async def pass_by(self, doubtful: Doubtful) -> None:
        """Settle an unfit answer at once if the last answer was good, or else leave its asset due.

        For a suspect: held back, it would take the blame again if this worker were lost.
        """
        if self._was_good and not self._held and doubtful.settle:
            await doubtful.settle()
        else:
            await self._leave_due([doubtful])

    async def note_good(self) -> None:
        """Note a good answer: what is held back is the assets' own."""
        self._was_good = True
        held, self._held = self._held, []
        for each in held:
            if each.settle:
                await each.settle()

    async def settle(self) -> None:
        """Settle what is still held back at the end of a run: it was too little for a doubt.

        Unless there was a doubt that was never decided, as the run was cut short, or the run had no
        good answer and assets with bars are not there any more: then witnesses decide. Raises what
        `hold` does.
        """
        if self._distrusted_until == math.inf:
            await self.give_up()
            return
        unfit = [each.unfit for each in self._held]
        if is_dubious_end(unfit, was_good=self._was_good):
            if self.drain.requested.is_set():
                await self.give_up()
                return
            await self._decide(self._held[-1].error)
        was_good = self._was_good
        await self.note_good()
        self._was_good = was_good

    async def give_up(self) -> None:
        """Leave the assets due whose answers are held back."""
        held, self._held = self._held, []
        await self._leave_due(held)

    async def _decide(self, last: NexusError) -> None:
        """Ask for witnesses: settle what is held back, or give it up and end the run or wait."""
        number, wait = len(self._held), self.first_wait_sec
        trusted_since, self._distrusted_until = self._distrusted_until, math.inf
        has_failed = False
        while said := await self._refusal():
            if not (self._held or has_failed):
                break  # another asset was answered meanwhile
            has_failed = True
            await self.give_up()
            if not self.waits:
                raise _mass_error(number, last, said)
            self.observe(Waiting(f"the vendor to recover ({said})", wait))
            await self._sleep(wait)
            if self.drain.requested.is_set():
                return
            wait = min(2 * wait, _LONGEST_WAIT_SEC)
        self._distrusted_until = time.monotonic() if has_failed else trusted_since
        await self.note_good()

    async def _refusal(self) -> str:
        """Return why no witness gets a good answer; nothing if one does."""
        said = "no other asset is known"
        held = [each.lease.asset_id for each in self._held]
        for symbol in await self.witnesses(held, _WITNESSES):
            try:
                await self.ask(symbol)
            except (Retry, Postpone, Park, NotListed) as error:
                said = str(error)
            else:
                return ""
        return said

    async def _leave_due(self, doubtful: Sequence[Doubtful]) -> None:
        if held := [each for each in doubtful if each.settle]:
            await self.leave_due(held)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.drain.requested.wait()
        except TimeoutError:
            return


def _mass_error(number: int, last: NexusError, said: str) -> NexusError:
    text = (
        f"{number} answers in a row were of no use, the last {last}; neither were others'"
        f" ({said}). All stay due"
    )
    if isinstance(last, EndpointNotInPlan):
        return ProductNotInPlan(text)
    return VendorUnavailable(
        f"{text}. Is EODHD_BASE_URL right, is a login page of this network in the way?"
    )
