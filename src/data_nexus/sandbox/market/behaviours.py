"""What the vendor does late or wrong: a table of behaviours, and the assets of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

MEANINGS = {
    "late": "the newest bar appears N sessions late, in eod and in bulk",
    "partial": "the bar of the running session is shown, with the prices so far",
    "provisional": "close, high and low are others until N more sessions are published",
    "unsettled-volume": "the volume is another until N more sessions are published",
    "late-actions": "splits and dividends are listed, and worked into the history, N sessions late",
    "late-rebasing": "they are listed on time, and worked into the history N sessions late",
    "unadjusted": "they are listed, and never worked into the history",
    "withdrawn-bars": "one bar in ten disappears once N more sessions are published",
    "withdrawn-actions": "splits and dividends disappear once N more sessions are published",
    "doubled": "the newest date comes twice in eod: prices equal to 1e-6, less volume",
    "doubled-otherwise": "the newest date comes twice in eod, with different prices",
}
# What stays of a behaviour once everything is settled.
_FOR_EVER = ("unadjusted", "withdrawn-bars", "withdrawn-actions")


class NoSuchBehaviour(ValueError):
    """A behaviour's name or text has no meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """For which assets something is late or wrong, and for how many `sessions`.

    The assets are the `symbols`, and a `share` of all, drawn by the seed. Only sessions and
    ex-dates after `since` are concerned; None: all.
    """

    symbols: frozenset[str] = frozenset()
    share: float = 0.0
    sessions: int = 1
    since: date | None = None

    def concerns(self, name: str, symbol: str, seed: int) -> bool:
        """Whether the asset has the behaviour of this name."""
        return symbol in self.symbols or draw(seed, name, symbol) < self.share


Behaviours = Mapping[str, Behaviour]
NONE: Behaviours = {}


def draw(seed: int, *words: str) -> float:
    """A number in [0, 1) that follows from the seed and the words alone."""
    text = "\0".join((str(seed), *words)).encode()
    return int.from_bytes(sha256(text).digest()[:6]) / (1 << 48)


def settled(behaviours: Behaviours) -> Behaviours:
    """The behaviours as if time enough had passed: nothing is late any more."""
    return {
        name: replace(each, sessions=0) for name, each in behaviours.items() if name in _FOR_EVER
    }


def checked(name: str, behaviour: Behaviour) -> Behaviour:
    """The behaviour; NoSuchBehaviour for an unknown name or an impossible value."""
    if name not in MEANINGS:
        raise NoSuchBehaviour(f"no behaviour {name!r}; there are {', '.join(MEANINGS)}")
    if not 0 <= behaviour.share <= 1 or behaviour.sessions < 1:
        raise NoSuchBehaviour(f"{name}: the share is 0 to 1, the sessions 1 or more")
    return behaviour


def parsed(text: str) -> tuple[str, Behaviour]:
    """A behaviour from `NAME[:SESSIONS]=SHARE` or `NAME[:SESSIONS]=SYMBOL,…`."""
    left, _, assets = text.partition("=")
    name, _, sessions = left.partition(":")
    try:
        count = int(sessions or 1)
        share, symbols = _share_or_symbols(assets)
    except ValueError:
        raise NoSuchBehaviour(f"not NAME[:SESSIONS]=SHARE or =SYMBOL,…: {text!r}") from None
    return name, checked(name, Behaviour(symbols=symbols, share=share, sessions=count))


def _share_or_symbols(text: str) -> tuple[float, frozenset[str]]:
    if not text:
        raise ValueError(text)
    try:
        return float(text), frozenset()
    except ValueError:
        return 0.0, frozenset(text.split(","))
