"""Run the targets for a number of executions, guided by what code the inputs reach.

A batch's inputs follow from the seed, the target and the batch's number alone, and the progress is
kept in a file after each round, so that a run of hours may be stopped and continued.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from data_nexus.errors import NexusError
from tools.fuzz.mutations import mutated, with_one_odd_value
from tools.fuzz.targets import Broken, Target

CORPUS = Path(__file__).parent / "corpus"
SLOW_SEC = 0.5
BATCH = 250
# Tracing makes an execution several times slower.
_TRACED = 25
_MOST_KEPT = 300
_OF_OURS = ("/data_nexus/eodhd/", "/data_nexus/domain/", "/data_nexus/research/snapshots/")
_PROGRESS = "progress.json"


@dataclass(slots=True)
class Tally:
    """What a target has been through: `findings` by kind, each with the first input's file."""

    executions: int = 0
    refused: int = 0
    slowest_sec: float = 0.0
    findings: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Campaign:
    """A run over targets; without a folder nothing is kept."""

    targets: tuple[Target, ...]
    seed: int
    folder: Path | None = None
    tallies: dict[str, Tally] = field(default_factory=dict)
    pools: dict[str, list[bytes]] = field(default_factory=dict)
    _reached: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for target in self.targets:
            self.tallies[target.name] = Tally()
            self.pools[target.name] = [(CORPUS / name).read_bytes() for name in target.corpus]
        if self.folder is not None:
            self._continue(self.folder)

    @property
    def executions(self) -> int:
        """How many inputs all targets have read."""
        return sum(tally.executions for tally in self.tallies.values())

    @property
    def findings(self) -> int:
        """How many kinds of findings there are."""
        return sum(len(tally.findings) for tally in self.tallies.values())

    def run(self, executions: int, note: Callable[[Campaign], None] = lambda _: None) -> None:
        """Run until that many executions are reached in all; the targets take turns."""
        while self.executions < executions:
            for target in self.targets:
                if self.executions < executions:
                    self._batch(target)
            self._keep_progress()
            note(self)

    def _batch(self, target: Target) -> None:
        tally, pool = self.tallies[target.name], self.pools[target.name]
        chance = Random(f"{self.seed} {target.name} {tally.executions}")  # noqa: S311  # nosec B311
        for number in range(BATCH):
            if target.rows and number % 3 == 0:
                body, key, value = with_one_odd_value(target.rows, chance)
                self._execute(target, body, self._of_one_odd_value(target, key, value))
                continue
            body = mutated(pool, chance)
            if number % _TRACED:
                self._execute(target, body, target.read)
            elif self._reaches_more(target, body) and len(pool) < _MOST_KEPT:
                pool.append(body)
                self._write(Path("corpus") / target.name.replace(" ", "_"), body)

    def _of_one_odd_value(
        self, target: Target, key: str, value: bytes
    ) -> Callable[[bytes], object]:
        """Return what reads a good answer with one odd value: the other rows must be kept."""
        whole = target.read(_good(target))

        def read(body: bytes) -> object:
            try:
                kept = target.read(body)
            except NexusError as error:
                raise Broken(
                    f"one odd value lost the answer: {key} {type(error).__name__}"
                ) from None
            if (lost := len(whole - kept) - 1) > 0:
                raise Broken(f"one odd value lost {lost} other rows: {key} {value[:40]!r}")
            return kept

        return read

    def _execute(self, target: Target, body: bytes, read: Callable[[bytes], object]) -> None:
        tally = self.tallies[target.name]
        tally.executions += 1
        began = time.thread_time()
        try:
            read(body)
        except NexusError:
            tally.refused += 1
        except Exception as error:  # noqa: BLE001 - what is untyped is looked for
            self._note(target, body, _kind(error))
        seconds = time.thread_time() - began
        if seconds > SLOW_SEC:
            # A machine that does much else at once may have been slow, and not the code.
            seconds = min(seconds, _seconds_again(read, body))
        tally.slowest_sec = max(tally.slowest_sec, seconds)
        if seconds > SLOW_SEC:
            self._note(target, body, f"slow: {seconds:.1f} s of {len(body)} bytes")

    def _reaches_more(self, target: Target, body: bytes) -> bool:
        """Execute an input, and say whether it reached lines that none before it did."""
        lines: set[tuple[str, int]] = set()

        def trace(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401
            path = frame.f_code.co_filename
            if not any(part in path for part in _OF_OURS):
                return None
            if event == "line":
                lines.add((path, frame.f_lineno))
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            self._execute(target, body, target.read)
        finally:
            sys.settrace(before)
        more = lines - self._reached
        self._reached |= more
        return bool(more)

    def _note(self, target: Target, body: bytes, kind: str) -> None:
        found = self.tallies[target.name].findings
        if kind not in found:
            found[kind] = self._write(Path("findings"), body)

    def _write(self, below: Path, body: bytes) -> str:
        name = hashlib.sha256(body).hexdigest()[:16]
        if self.folder is not None:
            folder = self.folder / below
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(body)
        return name

    def _keep_progress(self) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            tallies = {name: asdict(tally) for name, tally in self.tallies.items()}
            draft = self.folder / f"{_PROGRESS}.part"
            draft.write_text(json.dumps({"seed": self.seed, "targets": tallies}, indent=1))
            draft.replace(self.folder / _PROGRESS)

    def _continue(self, folder: Path) -> None:
        if not (folder / _PROGRESS).is_file():
            return
        kept = json.loads((folder / _PROGRESS).read_text())
        if kept["seed"] != self.seed:
            return
        for name, tally in kept["targets"].items():
            if name in self.tallies:
                self.tallies[name] = Tally(**tally)
                inputs = folder / "corpus" / name.replace(" ", "_")
                self.pools[name] += [p.read_bytes() for p in sorted(inputs.glob("*"))]


def _seconds_again(read: Callable[[bytes], object], body: bytes) -> float:
    began = time.thread_time()
    with suppress(Exception):
        read(body)
    return time.thread_time() - began


def _good(target: Target) -> bytes:
    rows = (",".join(f'"{key}":{text}' for key, text in row.items()) for row in target.rows)
    return f"[{','.join(f'{{{row}}}' for row in rows)}]".encode()


def _kind(error: Exception) -> str:
    """Return what tells findings apart: the error, and the last line of ours in its trace."""
    lines: Iterable[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
    ours = [line for line in lines if "/fuzz/" in line.filename or "/data_nexus/" in line.filename]
    at = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    said = str(error) if isinstance(error, Broken) else type(error).__name__
    return f"{said[:200]} ({at})"
