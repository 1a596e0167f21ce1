"""What stands on a terminal after all that was written to it, as on a screen without an end.

Lines are not wrapped, so that one which is too long is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PIECE = re.compile(
    r"\x1b\[(?P<numbers>[0-9;?]*)(?P<act>[A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[()].|\x1b[=>78]|(?P<move>[\r\n\x08])|(?P<text>[^\x1b\r\n\x08\x07]+)|."
)


@dataclass(slots=True)
class Page:
    """Lines of letters, and where the next letter goes."""

    letters: list[list[str]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0

    @property
    def lines(self) -> list[str]:
        """The lines, those that have scrolled away included."""
        return ["".join(line).rstrip() for line in self.letters]

    def write(self, text: str) -> None:
        """Do with a text what a terminal does: put letters, move, erase."""
        for piece in _PIECE.finditer(text):
            if piece["text"]:
                self._put(piece["text"])
            elif piece["move"]:
                self._move(piece["move"])
            elif piece["act"]:
                self._obey(piece["act"], piece["numbers"])

    def _put(self, text: str) -> None:
        line = self.letters[self.row]
        line.extend(" " * (self.column - len(line)))
        line[self.column : self.column + len(text)] = text
        self.column += len(text)

    def _move(self, how: str) -> None:
        if how == "\r":
            self.column = 0
        elif how == "\x08":
            self.column = max(0, self.column - 1)
        else:
            self._go_to(self.row + 1)

    def _obey(self, act: str, numbers: str) -> None:
        count = int(numbers) if numbers.isdigit() else 1
        if act in "AB":
            self._go_to(self.row + (count if act == "B" else -count))
        elif act in "CD":
            self.column = max(0, self.column + (count if act == "C" else -count))
        elif act == "G":
            self.column = count - 1
        elif act in "KJ":
            self._erase(act, numbers)

    def _erase(self, act: str, numbers: str) -> None:
        kept = 0 if numbers == "2" else self.column
        self.letters[self.row] = self.letters[self.row][:kept]
        if act == "J":
            del self.letters[self.row + 1 :]

    def _go_to(self, row: int) -> None:
        self.row = max(0, row)
        self.letters.extend([] for _ in range(self.row + 1 - len(self.letters)))


def page_of(raw: bytes) -> Page:
    """The page after all that was written."""
    page = Page()
    page.write(raw.decode(errors="replace"))
    return page
