"""When unfit answers are no matter of their assets any more: so many in a row, none good. Pure.

A login page on the way, a wrong address or a fault of the vendor's router answers for all assets
alike. One asset's own trouble is seldom that of the next ones, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

# Refused for the same reason: where one asset in ten is, ten in a row are one chance in 10^10.
MOST_ALIKE = 10
# Of whatever reason, and absences: symbols that the vendor lists without a history come in rows, as
# those of a fund family do.
MOST_UNFIT = 40
# Of assets with bars, all that a run has asked for: one or two may have been taken off by chance.
FEWEST_LOST = 3
# Numbers and identifiers may differ from request to request where nothing else does.
_NUMBERS = re.compile(r"[0-9a-f]*\d[0-9a-f]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UnfitAnswer:
    """Why an asset's answer was of no use: `kind` is the error's class, `reason` its text.

    `is_absence`: the vendor does not know the asset, and never sent a bar of it; `is_loss`: it did,
    and sends none now.
    """

    symbol: str
    kind: str
    reason: str
    is_absence: bool = False
    is_loss: bool = False

    @property
    def likeness(self) -> tuple[str, str]:
        """What answers that are alike have in common: all but the subject and the numbers."""
        return self.kind, _NUMBERS.sub("0", self.reason.replace(self.symbol, ""))


def is_dubious_end(unfit: Sequence[UnfitAnswer], *, was_good: bool) -> bool:
    """Return whether the unfit answers at the end of a run are rather the vendor's trouble.

    They are too few for a mass failure. But where a run had no good answer, and some assets of
    which it has bars are not there any more, the vendor is to be asked for others.
    """
    return not was_good and sum(each.is_loss for each in unfit) >= FEWEST_LOST


def is_mass_failure(unfit: Sequence[UnfitAnswer]) -> bool:
    """Return whether the unfit answers since the last good one are a trouble of all assets."""
    refusals = Counter(each.likeness for each in unfit if not each.is_absence)
    return len(unfit) >= MOST_UNFIT or any(n >= MOST_ALIKE for n in refusals.values())
