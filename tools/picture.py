"""Draw the README's picture: the output of `make demo` as an SVG without embedded fonts."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURE = Path(__file__).parent.parent / "docs" / "demo.svg"
_FONT_FACES = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def draw() -> None:
    """Run the demo and draw its output; raise if it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", "data_nexus", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    output = re.sub(r"NEXUS_HOME=\S+", "NEXUS_HOME=~/.local/share/data-nexus/demo", ended.stdout)
    output = output.replace(f"{sys.executable} -m data_nexus", ".venv/bin/nexus")
    console = Console(record=True, width=96, file=io.StringIO())
    console.print(Text("$ make demo", style="bold"))
    console.print(Text(output.strip()))
    svg = console.export_svg(title="make demo", theme=MONOKAI)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    PICTURE.write_text(_FONT_FACES.sub("", svg).replace("Fira Code", "monospace"), encoding="utf-8")


if __name__ == "__main__":
    draw()
