"""The rules of axe-core, as its package brings them, run in a page that a browser shows."""

from __future__ import annotations

from importlib.resources import files

from tests.support.files.chromium import Tab

GRAVE = ("serious", "critical")
_RUN = """
    axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
        .filter(each => %s.includes(each.impact))
        .map(each => each.id + ': ' + each.nodes.map(node => node.target.join(' ')).join(', ')))
"""


def grave_findings(tab: Tab) -> list[str]:
    """What axe-core finds serious or critical in the page: a rule, and where it is broken."""
    script = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    tab.tell("Runtime.evaluate", expression=script)
    answer = tab.tell(
        "Runtime.evaluate", expression=_RUN % [*GRAVE], returnByValue=True, awaitPromise=True
    )
    assert "exceptionDetails" not in answer, answer
    found: list[str] = answer["result"]["value"]
    return found
