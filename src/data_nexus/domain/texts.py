"""Fit the vendor's text for a line, a table or a screen: make it visible, redact it, cut it. Pure.

`excerpt` is the only place that cuts such a text. A cut through the token would show half of it, so
the redactor is an argument: what is cut has been redacted.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence

Redact = Callable[[str], str]
# Of what the vendor says beside its data.
NOTICE_CHARS = 300

# More of a body is not read for an excerpt; a token that this limit cuts is in what is dropped.
_READ = 65_536
_LONGEST_TOKEN = 4096
_KEPT = frozenset("\n\t")


def visible(text: str) -> str:
    """Return `text` with a mark in place of each character that is not one itself.

    Control characters, which a terminal obeys, those that turn the direction of writing, other line
    ends than a line feed, invisible characters and lone surrogates: none is left.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else _mark(c) for c in text)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: 1 asset, 2 assets."""
    is_changed = noun.endswith("y") and noun[-2] not in "aeiou"
    plural = f"{noun[:-1]}ies" if is_changed else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def one_line(text: str) -> str:
    """Return `text` on one line, visible."""
    return visible(" ".join(text.split()))


def html_table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table for a notebook: every text visible and escaped, None as a dash."""
    head = "".join(f"<th>{_as_html(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f"<table><caption>{_as_html(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td style="text-align: right">{value:,}</td>'
    return f"<td>{_as_html('—' if value is None else str(value))}</td>"


def _as_html(text: str) -> str:
    return html.escape(one_line(text))


def excerpt(text: bytes | str, most: int, redact: Redact) -> str:
    """Return the beginning of a text, visible and redacted: at most `most` characters."""
    head = text[:_READ]
    said = redact(visible(head.decode("utf-8", "replace") if isinstance(head, bytes) else head))
    if len(text) > _READ:
        said = said[:-_LONGEST_TOKEN]
    return said[:most]


def _mark(character: str) -> str:
    """Return the picture of a control character (NUL is ␀), for others U+FFFD."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"
