"""The page around a picture: what a vendor writes stays text, and nothing is fetched."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from data_nexus.research.charts.caption import printable
from data_nexus.research.charts.page import page

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</script x",
    "]]><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "a & b &lt;c&gt; \u2028 \u2029 '",
]


class Parts(HTMLParser):
    """The elements of a page, and what stands in each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script":
            self.scripts[-1] += data
        elif self.elements and self.elements[-1][0] == "title":
            self.title += data


@pytest.mark.parametrize("name", HOSTILE)
def test_what_looks_like_a_tag_stays_text(name: str) -> None:
    spec = {"title": name, "datasets": {"a": [{"text": name}]}}
    parts = Parts(page(spec, name, "window.vegaEmbed = () => {};"))
    harmless = Parts(page({"title": "a"}, "a", "window.vegaEmbed = () => {};"))
    assert [tag for tag, _ in parts.elements] == [tag for tag, _ in harmless.elements]
    assert json.loads(parts.scripts[0]) == spec
    assert set(parts.scripts[0]) & set("<>&") == set()
    assert parts.title.strip() == name


def test_the_page_names_no_other_address_and_runs_its_own_scripts_only() -> None:
    parts = Parts(page({"title": "a"}, "a", "window.vegaEmbed = () => {};"))
    assert not any({"src", "href"} & attributes.keys() for _, attributes in parts.elements)
    policy = next(facts["content"] for _, facts in parts.elements if "http-equiv" in facts)
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert len(re.findall(r"'sha256-[\w+/]{43}='", policy)) == 2
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Apple  Inc\n", "Apple Inc"),
        ("\x1b[2J\x07Apple", "[2J Apple"),
        ("\u202eelppA", "elppA"),
        ("x" * 90, "x" * 59 + "…"),
    ],
)
def test_a_name_is_one_line_of_printable_text(name: str, text: str) -> None:
    assert printable(name) == text
