"""Gives the unit tests' searches for counterexamples as many examples as a busy machine bears."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", max_examples=150, deadline=None)
settings.load_profile("unit")
