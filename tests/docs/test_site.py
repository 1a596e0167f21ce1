"""The pages hang together: all stand in the contents, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest

from tests.support.files.browser import document_of
from tests.support.files.tool_environments import TOOLS
from tests.support.source import ROOT, files, read
from tools.site.conf import below, root_doc

PAGES = ["README.md", "CHANGELOG.md", "SECURITY.md", *(p for p in files("docs") if p[-3:] == ".md")]
FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
BAR = re.compile(r"(?<!\\)\|")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)


def headings(page: str) -> set[str]:
    """What a code host calls the headings of a page in links."""
    names: list[str] = []
    for heading in HEADING.findall(FENCED.sub("", read(page))):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        names.append(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    doubles = Counter[str]()
    for place, name in enumerate(names):
        names[place] += f"-{doubles[name]}" if doubles[name] else ""
        doubles[name] += 1
    return set(names)


def test_every_page_stands_in_the_contents_of_the_site_once() -> None:
    named = [page for parts in below().values() for _, pages in parts for page in pages]
    assert sorted(f"{page}.md" for page in [root_doc, *named]) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: str) -> None:
    text = CODE.sub("", FENCED.sub("", read(page)))
    broken = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, heading = link.partition("#")
        target = normpath(join(dirname(page), path)) if path else page
        if not (ROOT / target).exists() or (heading and heading not in headings(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_every_row_of_a_table_has_as_many_cells_as_its_heading(page: str) -> None:
    text = FENCED.sub("", read(page))
    tables = re.findall(r"(?:^ *\|.*\n)+", text, re.MULTILINE)
    widths = [[len(BAR.findall(row)) for row in table.splitlines()] for table in tables]
    assert [table for table, cells in zip(tables, widths, strict=True) if len(set(cells)) > 1] == []


@pytest.mark.campaign(1, "build")
def test_the_site_is_made_without_a_warning_and_finds_without_a_network(tmp_path: Path) -> None:
    if not (TOOLS / "docs" / "pinned").exists():
        pytest.skip("the generator is not in .venv-tools, where `make docs` installs it")
    site = tmp_path / "site"
    sphinx = [str(TOOLS / "docs/bin/python"), "-m", "sphinx", "--quiet", "--fail-on-warning"]
    subprocess.run([*sphinx, "--conf-dir", "tools/site", ".", site], cwd=ROOT, check=True)
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|link|iframe)[^>]* (?:src|href)="(\w+:|//)', page.read_text()
        )
        assert loaded == [], page
    assert "url=README.html" in (site / "index.html").read_text()
    found = document_of(site / "search.html", tmp_path / "profile", "?q=watchlist")
    assert re.search(r"found \d+ pages? matching", found)
    assert "docs/how-to/load-only-some-symbols.html" in found
