"""All mistakes that `make mutants` seeds, by the part of the house that they are made in."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
