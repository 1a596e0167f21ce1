"""Notebooks without a browser: cells in, outputs out, by the kernel that a person would have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

Shown = dict[str, str]


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell has shown: its outputs at the end, and each thing displayed until then."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    displayed: list[Shown] = field(default_factory=list)


class _Client(NotebookClient):
    """A client that also keeps what a display shows before it is drawn again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as nbclient's
        super().__init__(*arguments, **options)
        self.displayed: dict[int, list[Shown]] = {}

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:  # noqa: ANN401
        if msg["msg_type"] in ("display_data", "update_display_data"):
            self.displayed.setdefault(cell_index, []).append(msg["content"]["data"])
        return super().process_message(msg, cell, cell_index)


def executed(
    notebook: Path | list[str], folder: Path, environment: Mapping[str, str]
) -> list[Cell]:
    """Run a notebook, a file or the code of its cells; the test fails where a cell does."""
    if isinstance(notebook, Path):
        document = nbformat.read(notebook, as_version=4)
        nbformat.validate(document)
    else:
        document = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, notebook)))
    place = {"metadata": {"path": str(folder)}}
    config = Config(KernelManager=Config(connection_file=str(folder / "kernel.json")))
    client = _Client(document, timeout=120, resources=place, config=config)
    client.execute(env={**environment, "IPYTHONDIR": str(folder / "ipython")})
    return [
        Cell(cell.outputs, client.displayed.get(number, []))
        for number, cell in enumerate(document.cells)
        if cell.cell_type == "code"
    ]
