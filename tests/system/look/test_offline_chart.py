"""A chart in a notebook: a page in a frame, which fetches nothing and lets no text out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date, timedelta

import altair as alt
import pytest

import data_nexus as nexus
from tests.support.files.exports import Share, put

HOSTILE = "A</script><script>document.title=1</script>'\" srcdoc=x"


@pytest.fixture
def db(database_url: str) -> Iterator[nexus.Nexus]:
    days = (date(2024, 1, 2) + timedelta(n) for n in range(4))
    held = dict.fromkeys(days, (1.0, 3.0, 0.5, 2.0, 2.0, 100.0))
    put(database_url, Share("A", held, columns=(("name", HOSTILE),)))
    put(database_url, Share("B", held))
    with nexus.connect(database_url) as opened:
        yield opened


def in_notebook(chart: alt.VConcatChart) -> dict[str, str]:
    """What a notebook is given of a chart."""
    shown = chart._repr_mimebundle_()
    assert isinstance(shown, dict)
    return shown


@pytest.mark.parametrize("compare", [False, True])
def test_a_notebook_is_given_a_page_that_fetches_nothing(db: nexus.Nexus, *, compare: bool) -> None:
    chart = db.plot(["A.US", "B.US"], compare=compare)
    shown = in_notebook(chart)
    assert set(shown) == {"text/html", "text/plain"}
    frame = shown["text/html"]
    # One element with one attribute that holds the page: nothing of it is outside.
    found = re.fullmatch(
        r'<iframe sandbox="[a-z -]+" style="[^"]+" srcdoc="([^"]*)"></iframe>', frame
    )
    assert found
    page = html.unescape(found[1])
    assert page.startswith("<!DOCTYPE html>")
    policy = html.unescape(
        re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[0]
    )
    sources = [each.split()[1:] for each in policy.split(";")]
    assert policy.startswith("default-src 'none'; ")
    assert not [one for each in sources for one in each if re.match(r"https?:|\*|'self'", one)]
    assert HOSTILE not in page
    assert len(shown["text/plain"]) < 100


def test_it_is_still_a_chart_of_altair(db: nexus.Nexus) -> None:
    chart = db.plot("A.US")
    assert isinstance(chart, alt.VConcatChart)
    assert isinstance(chart.properties(title="mine"), type(chart))
    with alt.renderers.enable("json"):
        assert "<iframe" not in str(chart._repr_mimebundle_())
