"""A small mistake: where it is made, what would go wrong unseen, and which tests must notice."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """Text of a file, `before`, that becomes `after`; one of the `tests` (pytest's ids) must fail.

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

    def text_in(self, root: Path) -> str:
        """Return the file's text in a tree with the mistake made.

        Raises `LookupError` unless `before` occurs exactly once, `SyntaxError` if no Python is left.
        """
        text = (root / self.file).read_text(encoding="utf-8")
        if (times := text.count(self.before)) != 1:
            raise LookupError(f"{self.name}: its text occurs {times} times in {self.file}")
        changed = text.replace(self.before, self.after)
        if self.file.endswith(".py"):
            ast.parse(changed, self.file)
        return changed
