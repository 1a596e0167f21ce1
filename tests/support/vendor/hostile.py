"""Texts as a hostile vendor would send them, and events full of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args, get_type_hints

from data_nexus.events import Event

# Lines, a terminal's orders, writing from right to left, markup, a forged line, an open quote.
TEXTS = (
    'A\n1970-01-01 info Committed symbol=FORGED.US\r\n{"event": "Forged"}',
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x00\x7f",
    "\u202eSU.LPAA\u2066\u2028\u2029\u0085",
    '"><script>alert(1)</script>"} 1\nnexus_forged 1\n\\"',
    "{{.}} ${jndi:ldap://x} %s %n",
)


def hostile_events(text: str) -> list[Event]:
    """One event of each kind, with the text wherever a text may stand."""
    return [_event(kind, text) for kind in get_args(Event)]


def _event(kind: type, text: str) -> Any:  # noqa: ANN401 - whichever kind
    values: dict[Any, Any] = {str: text, int: 1, float: 0.5, bool: True}
    values |= {tuple[str, ...]: (text,)}
    hints = get_type_hints(kind)
    return kind(**{each.name: values.get(hints[each.name], {text: 1}) for each in fields(kind)})
