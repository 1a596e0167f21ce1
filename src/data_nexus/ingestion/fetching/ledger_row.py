"""Change the quota of a token in the ledger, without what the ledger cannot rightly remember."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from data_nexus.database.store.quota import Decide, QuotaLedger, Result
from data_nexus.domain.limits.quota import Quota, believed
from data_nexus.events import QUOTA_LEDGER, Observer, Warned


@dataclass(slots=True)
class LedgerRow:
    """The quota of a token, as all workers share it.

    `is_doubtful`: what it remembered was not believed, and the vendor has not been asked for its
    own count since.
    """

    store: QuotaLedger
    observe: Observer
    is_doubtful: bool = False

    async def change(
        self, decide: Decide[Result], *, reported: bool = False, once: bool = False
    ) -> tuple[Result, datetime]:
        """Change the quota by a decision; return what was decided, and the moment.

        `reported`: it is the vendor's own count. `once`: it is not repeated if the answer of the
        database was lost.
        """
        is_believed = True

        def decide_soberly(quota: Quota, moment: datetime) -> tuple[Quota, Result]:
            nonlocal is_believed
            credible = believed(quota, moment)
            is_believed = credible == quota
            return decide(credible, moment)

        found = await self.store.change(decide_soberly, reported=reported, once=once)
        if not is_believed:
            self.is_doubtful = True
            text = "it remembers a day or a slot too far ahead, or too many calls; taken back"
            self.observe(Warned(QUOTA_LEDGER, text))
        return found
