"""Owns the vendor's HTML page for what it does not have."""

from __future__ import annotations

from html import escape

from data_nexus.sandbox.answers.wire import Answer
from data_nexus.sandbox.vendor_request import Asked


def no_such_page(asked: Asked, status: int = 404) -> Answer:
    """The page's canonical link repeats the URL, with the token (reported by a client)."""
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<title>404 Not Found</title>\n'
        f'<link rel="canonical" href="{escape(asked.url)}" />\n</head>\n'
        "<body><h1>404</h1><p>Page not found</p></body>\n</html>\n"
    )
    return Answer.of(page.encode(), status=status)
