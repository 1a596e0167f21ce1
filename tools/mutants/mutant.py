"""A small mistake: where it is made, what would go wrong unseen, and which tests must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """Text of a file, `before`, that becomes `after`; the `tests` (pytest's ids) must then fail.

    `before` occurs once in the file. `circumstances` is 2 for a mistake that shows only when two
    things come together, otherwise 1.
    """

    name: str
    file: str
    before: str
    after: str
    harm: str
    tests: tuple[str, ...]
    circumstances: int = 1

    def seed(self, root: Path) -> str:
        """Make the mistake in a tree; return the file's text from before it.

        Raises `LookupError` unless the text occurs exactly once.
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if (times := text.count(self.before)) != 1:
            raise LookupError(f"{self.name}: its text occurs {times} times in {self.file}")
        path.write_text(text.replace(self.before, self.after), encoding="utf-8")
        return text
