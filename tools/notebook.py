"""Write docs/tutorial.ipynb from docs/tutorial.md, never by hand.

Python blocks become cells, so do commands (`$ nexus …` is `!nexus …`), and the text between them.
No output is stored. `make docs` writes it; a test compares it with what this module would write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "tutorial.md"
NOTEBOOK = PAGE.with_suffix(".ipynb")
_BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def notebook(page: str) -> str:
    """Return the notebook of a page, as JSON of format 4.5."""
    cells = [_cell(number, *each) for number, each in enumerate(_parts(page), 1)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _cell(number: int, kind: str, text: str) -> dict[str, object]:
    cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _parts(page: str) -> Iterator[tuple[str, str]]:
    """Yield the kind of each cell, and its text."""
    text, *blocks = _BLOCK.split(page)
    yield "markdown", text.strip()
    for language, code, following in zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True):
        cell = code if language == "python" else re.sub(r"^\$ ", "!", code, flags=re.MULTILINE)
        yield "code", cell.strip()
        if following.strip():
            yield "markdown", following.strip()


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(PAGE.read_text("utf-8")), "utf-8")
