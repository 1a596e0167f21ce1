"""House law 9: what cannot be seen without scrolling is split."""

from __future__ import annotations

from tests.support.source import CODE, Function, definitions, modules

MODULE_LINES = 350
FUNCTION_LINES = 50


def test_no_module_is_too_long() -> None:
    lengths = {module.path: len(module.text.splitlines()) for module in modules(*CODE)}
    assert {path: lines for path, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_no_function_is_too_long() -> None:
    """Counted from `def`, docstring and nested functions included, decorators not."""
    lengths = {
        f"{module.at(node)} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in modules(*CODE)
        for node in definitions(module)
        if isinstance(node, Function)
    }
    assert {where: lines for where, lines in lengths.items() if lines > FUNCTION_LINES} == {}
