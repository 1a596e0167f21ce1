"""Make the site of the documentation: README.md, and the pages of docs/ as a code host shows them.

The pages hold nothing for the generator. The table of contents is what docs/README.md links to, in
its order and under its headings, and below the decisions what docs/adr/README.md links to.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

project = html_title = "Data Nexus"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "SECURITY.md", "docs/**.md"]
# Folders that are not walked through: some hold thousands of files, and none a page.
exclude_patterns = [
    ".*",
    "bench",
    "bin",
    "build",
    "deploy",
    "dist",
    "scripts",
    "src",
    "tests",
    "tools",
]
myst_heading_anchors = 4  # links to headings are written as a code host names them
smartquotes = False
highlight_language = "text"

html_theme = "furo"
html_extra_path = ["index.html"]
html_copy_source = False
html_show_copyright = False

_ROOT = Path(__file__).parents[2]
_HEADING = re.compile(r"^\*\*(.+?)\*\*", re.MULTILINE)
_LINK = re.compile(r"\]\(([^):#]+)\.md(?:#[^)]*)?\)")


def contents(index: str) -> list[tuple[str, list[str]]]:
    """Return what an index links to: for each of its parts the heading, and the pages in order.

    Pages are named from the root and without suffix, each once.
    """
    parts = ["", *_HEADING.split((_ROOT / f"{index}.md").read_text("utf-8"))]
    seen, found = {root_doc, index}, []
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        named = (normpath(join(dirname(index), link)) for link in _LINK.findall(text))
        pages = [page for page in dict.fromkeys(named) if page not in seen]
        seen.update(pages)
        found.append((heading, pages))
    return [(heading, pages) for heading, pages in found if pages]


def below() -> dict[str, list[tuple[str, list[str]]]]:
    """Return what stands below a page in the table of contents, by page."""
    decisions = "docs/adr/README"
    return {
        root_doc: [("", ["docs/README"]), *contents("docs/README")],
        decisions: contents(decisions),
    }


def add_contents(_: Any, page: str, source: list[str]) -> None:  # noqa: ANN401 - Sphinx's own
    """Append to a page what stands below it."""
    for heading, pages in below().get(page, []):
        caption = [f":caption: {heading}"] if heading else []
        lines = ["```{toctree}", ":hidden:", *caption, "", *(f"/{each}" for each in pages), "```"]
        source[0] += "\n\n" + "\n".join(lines) + "\n"


def setup(app: Any) -> None:  # noqa: ANN401 - Sphinx's own
    """Take part in reading the pages."""
    app.connect("source-read", add_contents)
