"""`Symbol`, the name of a listing (`AAPL.US`), and its parsing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from data_nexus.errors import UsageError

# The vendor's codes hold letters, digits and a few marks (`BRK-B`, `BTC-USD`, `^SPX`, `M&M`); what
# could escape from a path, a line or a file name is refused, everything else is percent-encoded.
_CODE = re.compile(
    r"(?!\.{1,2}$)[^\x00-\x20\x7f-\xa0/\\?#%.](?:[^\x00-\x1f\x7f-\xa0/\\?#%]{0,62}[^\x00-\x20\x7f-\xa0/\\?#%])?"
)
_BETWEEN = re.compile(r"[,;\s]+")
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]", re.IGNORECASE)
_EXCHANGE = re.compile(r"[A-Za-z0-9]{1,16}")


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A listing's name at the vendor: `code` (`AAPL`) and `exchange` (`US`)."""

    code: str
    exchange: str

    def __str__(self) -> str:
        return f"{self.code}.{self.exchange}"


def is_code(text: str) -> bool:
    """Say whether `text` can be a listing's code."""
    return _CODE.fullmatch(text) is not None and text.isprintable()


def parse_symbols(texts: Iterable[str]) -> list[Symbol]:
    """Return the symbols of texts, each of one or of several; each once, in order.

    Several are parted by commas, semicolons or blanks. A code may hold such a mark itself: a text
    is taken apart only if each part is a symbol. Raises `UsageError` for one that is not of the
    form `AAPL.US`.
    """
    parts = (part for text in texts for part in _parts(text))
    return list(dict.fromkeys(map(parse_symbol, parts)))


def _parts(text: str) -> list[str]:
    parts = [part for part in _BETWEEN.split(text) if part]
    return parts if parts and all(map(_is_symbol, parts)) else [text]


def _is_symbol(text: str) -> bool:
    code, dot, exchange = text.strip().rpartition(".")
    return bool(dot) and is_code(code) and _EXCHANGE.fullmatch(exchange) is not None


def exchange_code(text: str) -> str:
    """Return `text` as an exchange code; raise `UsageError` if it cannot be one."""
    code = text.strip()
    if _EXCHANGE.fullmatch(code) is None:
        raise UsageError(f"not an exchange code: {text!r}; write it like US, LSE or XETRA")
    return code.upper()


def parse_symbol(text: str) -> Symbol:
    """Return `AAPL.US` as a `Symbol`; raise `UsageError` if it is not of that form."""
    code, dot, exchange = text.strip().rpartition(".")
    if not dot and _ISIN.fullmatch(text.strip()):
        raise UsageError(
            f"not a symbol but an ISIN: {text!r}; find its symbols: nexus assets --search"
            f" {text.strip()}"
        )
    if not dot or not is_code(code):
        bare = text.strip()
        is_near = not dot and is_code(bare) and bare[0].isalnum()
        written = f"{bare.upper()}.US" if is_near else "AAPL.US"
        raise UsageError(f"not a symbol: {text!r}; write it with its exchange, like {written}")
    return Symbol(code, exchange_code(exchange))
