"""Turn a made-up tape into one of yields or of a commodity: prices at zero and below. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from data_nexus.sandbox.market.tape import Floats, Tape

PERIOD = 60  # sessions between two visits at zero
AMPLITUDE, NOISE = 1.5, 0.02
NEAR_ZERO = 0.06
PLUNGE = -0.37  # the close of a commodity that cannot be stored, in its former price
SPREAD = 0.01


def yields(tape: Tape, phase: int) -> Tape:
    """Yields in percent that swing around zero; each passage stays at 0 for a session."""
    place = np.arange(len(tape.date)) + phase
    noise = NOISE * np.mod(tape.close, 1)
    close = np.round(AMPLITUDE * np.sin(np.pi * place / PERIOD) + noise, 3)
    close = np.where(np.abs(close) < NEAR_ZERO, 0.0, close)
    return _around(tape, np.append(close[:1], close[:-1]), close, np.zeros(len(close)))


def commodity(tape: Tape, phase: int) -> Tape:
    """Prices of which one in a while is negative, and the one after it zero."""
    place = (np.arange(len(tape.date)) + phase) % PERIOD
    close = np.select([place == 0, place == 1], [np.round(tape.close * PLUNGE, 2), 0.0], tape.close)
    return _around(tape, tape.open, close, tape.volume)


BELOW_ZERO: dict[str, Callable[[Tape, int], Tape]] = {"GBOND": yields, "COMM": commodity}


def _around(tape: Tape, opened: Floats, close: Floats, volume: Floats) -> Tape:
    """The tape with these prices, a high and a low around them, and no actions."""
    return replace(
        tape,
        open=opened,
        close=close,
        high=np.round(np.maximum(opened, close) + SPREAD, 4),
        low=np.round(np.minimum(opened, close) - SPREAD, 4),
        volume=volume,
        splits=(),
        dividends=(),
    )
