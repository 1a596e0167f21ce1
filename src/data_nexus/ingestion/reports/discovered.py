"""What discovering one exchange changed, as a value. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from data_nexus.database.store.listings import ListingChanges


@dataclass(frozen=True, slots=True)
class Discovered:
    """What discovering one exchange brought."""

    exchange: str
    changes: ListingChanges
    refused: int
    delisted: bool
    calls: int
    unread: int = 0

    def figures(self) -> dict[str, Any]:
        """Return the figures under the names of the command's JSON."""
        changes = self.changes
        found = {
            "exchange": self.exchange,
            "delisted": self.delisted,
            "added": changes.added,
            "reactivated": changes.reactivated,
            "deactivated": changes.deactivated,
            "updated": changes.updated,
            "unchanged": changes.unchanged,
            "renamed": len(changes.succession.renames),
            "retired": len(changes.succession.retirements),
            "refused": self.refused,
            "moves": self.moves,
        }
        return found | ({"reason": self.reason} if changes.is_shrunk else {})

    @property
    def moves(self) -> list[dict[str, str]]:
        """Which codes passed to another asset, each with the reason."""
        found = self.changes.succession
        renamed = [{"from": r.old, "to": r.new, "reason": r.reason} for r in found.renames]
        reused = [{"from": r.code, "to": "", "reason": r.reason} for r in found.retirements]
        return renamed + reused

    @property
    def reason(self) -> str:
        """Why nothing was deactivated, in words."""
        changes = self.changes
        if changes.missing <= self.unread:
            return (
                f"{self.exchange}: the list lacks {changes.missing} active assets, but"
                f" {self.unread} of its lines cannot be read; nothing was deactivated"
            )
        return (
            f"{self.exchange}: the list lacks {changes.missing} of {changes.active_before} active"
            " assets and was taken for truncated; nothing was deactivated. If it is right, run"
            " discover again with a larger --max-shrink"
        )
