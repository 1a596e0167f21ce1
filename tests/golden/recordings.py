"""Find the recorded vendor bodies and market files in the folder beside the project.

Nothing here or in the tests beside it lets the engine read them first: expected answers come from
`json`, `csv` and `Decimal` alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.source import ROOT

SHARED = ROOT / "../shared"
SAMPLES = SHARED / "eodhd_samples"
MARKET = SHARED / "market_data"
needs_recordings = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the recordings are not beside the project"
)


def sample(name: str) -> bytes:
    """A recorded body, byte for byte."""
    return (SAMPLES / name).read_bytes()


def sample_names(*prefixes: str) -> set[str]:
    """The recorded bodies of endpoints that we read, by the beginnings of their names."""
    return {path.name for path in SAMPLES.glob("*") if path.name.startswith(prefixes)}


def market_file(name: str) -> Path:
    """A file of real market data."""
    return MARKET / name
