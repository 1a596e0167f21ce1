"""Compare a session in bulk with the bars of it that are stored already, once it is settled. Pure.

The vendor settles volumes and corrects prices in the hours after a session; some of its rows
come a session late. A session is fetched once more when the next one is published: what differs is
restated, what has no bar yet is late, and what is not sent any more is in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars, Floats, Mask
from data_nexus.domain.validation.bulk_session import BulkSession, Positions

# A close that is corrected by more than this is another company's, or an action that is not known.
_LARGEST_CORRECTION = 1.4
# If more of the stored bars are not sent again, the answer was cut.
_LARGEST_UNSENT_SHARE = 0.05
_FEW = 20


@dataclass(frozen=True, slots=True, eq=False)
class StoredSession:
    """The assets whose cursor has passed a session, ascending by id, and their bars of it.

    Where none is stored, the prices are NaN.
    """

    asset_ids: NDArray[np.int32]
    codes: tuple[str, ...]
    fences: NDArray[np.int64]
    bars: Bars

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def has_bar(self) -> Mask:
        """Which assets have a bar of the session."""
        held: Mask = ~np.isnan(self.bars.close)
        return held


@dataclass(frozen=True, slots=True, eq=False)
class SecondLook:
    """What a second answer says of each stored bar, as positions in a `StoredSession`.

    `changed` bars have the new values `bars`, their adjusted closes in the old proportion. `late`
    are rows of assets without a bar. `unsent` bars are not in the answer. The codes `to_reload`
    have changed so much that their whole histories are to be read. `compared` are all assets of
    which the answer speaks, so that their values are final.
    """

    changed: Positions
    bars: Bars
    late: Positions
    unsent: Positions
    to_reload: frozenset[str]
    compared: Positions
    is_cut: bool = False


def look_again(bulk_session: BulkSession, stored: StoredSession) -> SecondLook:
    """Compare a session with what is stored of it: raw prices and volume.

    The adjusted close of a past session is not compared: it changes with each later action, which
    the feeds of actions and the newest session show.
    """
    rows = np.array([bulk_session.position.get(code, -1) for code in stored.codes], np.intp)
    is_named = np.array([code in bulk_session.named for code in stored.codes], np.bool_)
    is_rejected = np.array([code in bulk_session.rejected for code in stored.codes], np.bool_)
    has_row, has_bar = rows >= 0, stored.has_bar
    both = np.flatnonzero(has_row & has_bar & ~is_named)
    before, after = stored.bars.take(both), bulk_session.bars.take(rows[both])
    differs = raw_values_differ(before, after)
    is_signed = np.array([stored.codes[at] in bulk_session.signed for at in both], np.bool_)
    is_near = is_signed | _is_near(before.close, after.close)
    changed = both[differs & is_near]
    unsent = np.flatnonzero(~has_row & has_bar & ~is_rejected)
    is_cut = len(unsent) > max(_FEW, _LARGEST_UNSENT_SHARE * int(has_bar.sum()))
    far = both[differs & ~is_near]
    return SecondLook(
        changed=changed,
        bars=_in_proportion(stored.bars.take(changed), bulk_session.bars.take(rows[changed])),
        late=np.flatnonzero(has_row & ~has_bar & ~is_named),
        unsent=unsent,
        to_reload=frozenset(stored.codes[at] for at in far),
        compared=np.flatnonzero((has_row | ~has_bar) & ~is_named & ~is_rejected),
        is_cut=is_cut,
    )


def raw_values_differ(before: Bars, after: Bars) -> Mask:
    """Return which bars have another raw price or volume."""
    differs: Mask = np.zeros(len(before), np.bool_)
    for name in ("open", "high", "low", "close", "volume"):
        differs |= getattr(before, name) != getattr(after, name)
    return differs


def _is_near(before: Floats, after: Floats) -> Mask:
    near: Mask = (after <= _LARGEST_CORRECTION * before) & (before <= _LARGEST_CORRECTION * after)
    near |= before == after
    return near


def _in_proportion(before: Bars, after: Bars) -> Bars:
    """Return new bars whose adjusted closes keep the old proportion to the close."""
    with np.errstate(divide="ignore", invalid="ignore"):
        adjusted = after.close * (before.adjusted_close / before.close)
    usable = np.isfinite(adjusted) & (before.close != after.close)
    kept = np.where(usable, adjusted, before.adjusted_close)
    is_unadjusted = before.adjusted_close == before.close
    return replace(after, adjusted_close=np.where(is_unadjusted, after.close, kept))
