"""All mistakes that `make mutants` seeds, by the part of the house that they are made in."""

from __future__ import annotations

from tools.mutants import bars, commits, limits, listings, nightly, queue, vendor
from tools.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *limits.MUTANTS,
    *queue.MUTANTS,
    *commits.MUTANTS,
    *nightly.MUTANTS,
    *listings.MUTANTS,
    *bars.MUTANTS,
    *vendor.MUTANTS,
)
