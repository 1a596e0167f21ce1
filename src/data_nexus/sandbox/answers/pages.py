"""Answer unknown paths with the vendor's HTML page."""

from __future__ import annotations

from html import escape

from data_nexus.sandbox.answers.wire import Answer
from data_nexus.sandbox.vendor_request import VendorRequest


def no_such_page(request: VendorRequest, status: int = 404) -> Answer:
    """The page's canonical link repeats the URL, with the token (reported by a client)."""
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<title>404 Not Found</title>\n'
        f'<link rel="canonical" href="{escape(request.url)}" />\n</head>\n'
        "<body><h1>404</h1><p>Page not found</p></body>\n</html>\n"
    )
    return Answer.of(page.encode(), status=status)
