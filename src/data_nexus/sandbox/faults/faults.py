"""Keep the faults in force, and select the one that strikes a request.

A fault of a kind has two halves, both pure: what it does to the answer, and what it does to the
answer's bytes on the wire. Most kinds have one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from data_nexus.sandbox.answers.wire import Answer, Wire, framed
from data_nexus.sandbox.faults.answers import ANSWERS
from data_nexus.sandbox.faults.transport import WIRES
from data_nexus.sandbox.vendor_request import VendorRequest

OTHER_SYMBOL = "other_symbol"
KINDS = sorted({*ANSWERS, *WIRES, OTHER_SYMBOL})
SHARES = 1 << 32
_SELECTION = frozenset({"kind", "endpoint", "symbol", "share", "times"})


class UnknownFault(ValueError):
    """No fault has this kind."""


@dataclass(slots=True)
class Fault:
    """A fault in force; `symbol`, `endpoint` and `share` select the requests, `times` limits them.

    `symbol` is the subject in the path, for a symbol list its exchange.
    """

    kind: str
    endpoint: str | None = None
    symbol: str | None = None
    share: float | None = None
    times: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    struck: int = 0

    def mistaken(self, request: VendorRequest) -> VendorRequest:
        """The request as the vendor mistakes it: `other_symbol` changes the subject."""
        if self.kind != OTHER_SYMBOL:
            return request
        return replace(request, subject=str(self.parameters.get("other", "AAPL.US")))

    def answer(self, answer: Answer, request: VendorRequest) -> Answer:
        """The answer with the fault."""
        change = ANSWERS.get(self.kind)
        return change(answer, self.parameters, request) if change else answer

    def wire(self, answer: Answer, request: VendorRequest) -> Wire:
        """The bytes of the answer with the fault."""
        change = WIRES.get(self.kind)
        if change is None:
            return framed(answer, gzip=request.gzip)
        return change(answer, self.parameters, request)


class Faults:
    """All faults in force, oldest first; at most one strikes a request."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._faults: list[Fault] = []
        self._seen: Counter[tuple[int, str, str]] = Counter()

    def add(self, description: Mapping[str, Any]) -> Fault:
        """Put a fault in force, described as `POST /faults` takes it."""
        kind = description.get("kind")
        if kind not in KINDS:
            raise UnknownFault(f"no fault of the kind {kind!r}; there are: {', '.join(KINDS)}")
        parameters = {k: v for k, v in description.items() if k not in _SELECTION}
        selection = {k: v for k, v in description.items() if k in _SELECTION}
        fault = Fault(**selection, parameters=parameters)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()
        self._seen.clear()

    def all(self) -> list[Fault]:
        """The faults in force, and those that have reached `times`."""
        return list(self._faults)

    def strike(self, request: VendorRequest) -> Fault | None:
        """The fault that strikes this request, if one does."""
        for position, fault in enumerate(self._faults):
            if self._hits(position, fault, request):
                fault.struck += 1
                return fault
        return None

    def _hits(self, position: int, fault: Fault, request: VendorRequest) -> bool:
        if fault.endpoint not in (None, request.endpoint):
            return False
        if fault.symbol not in (None, request.subject):
            return False
        if fault.times is not None and fault.struck >= fault.times:
            return False
        return fault.share is None or self._chance(position, fault, request) < fault.share

    def _chance(self, position: int, fault: Fault, request: VendorRequest) -> float:
        """A number in [0, 1) that depends on the number of such requests before, not on time.

        Concurrent requests for different symbols get the same numbers in every run.
        """
        key = (position, request.endpoint, request.subject)
        self._seen[key] += 1
        text = f"{self._seed} {fault.kind} {key} {self._seen[key]}"
        return (crc32(text.encode()) * 2654435761 % SHARES) / SHARES
