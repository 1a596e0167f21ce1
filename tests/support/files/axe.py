"""The rules of axe-core, as its package brings them, run in a page that a browser shows."""

from __future__ import annotations

from importlib.resources import files

from tests.support.files.chromium import Tab

_RUN = """
    axe.run(document, {runOnly: %s, resultTypes: ['violations']}).then(found => found.violations
        .filter(each => ['serious', 'critical'].includes(each.impact))
        .map(each => each.id + ': ' + each.nodes.map(node => node.target.join(' ')).join(', ')))
"""
# What depends on the colour scheme; everything else is the same in both.
_BY_SCHEME = "['color-contrast']"
_ALL = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"


def grave_findings(tab: Tab) -> list[str]:
    """What axe-core finds serious or critical in the page, in light and in dark.

    Each is a rule, and where it is broken.
    """
    script = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    tab.tell("Runtime.evaluate", expression=script)
    found = []
    for scheme, rules in (("dark", _BY_SCHEME), ("light", _ALL)):
        tab.prefer(scheme)
        asked = {"expression": _RUN % rules, "returnByValue": True, "awaitPromise": True}
        answer = tab.tell("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer
        found += [f"{scheme}: {each}" for each in answer["result"]["value"]]
    return found
