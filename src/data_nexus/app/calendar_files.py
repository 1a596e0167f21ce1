"""Keep computed calendars in a folder, so that few commands compute one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from data_nexus.config import Settings, read_regular
from data_nexus.domain.calendar.exchanges import keep_calendars
from data_nexus.research.exports.target import whole_file


@dataclass(frozen=True, slots=True)
class CalendarFiles:
    """A cache of files. In a folder that cannot be read or written it keeps nothing."""

    folder: Path

    def get(self, name: str) -> bytes | None:
        """Return what is kept under a name, None if nothing is."""
        with suppress(OSError):
            return read_regular(self.folder / name)
        return None

    def put(self, name: str, content: bytes) -> None:
        """Keep all of a content under a name, or nothing."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self.folder / name) as draft:
                draft.write_bytes(content)


def keep_calendars_at_home(settings: Settings) -> None:
    """Keep computed calendars in the folder `calendars` under NEXUS_HOME from now on."""
    keep_calendars(CalendarFiles(settings.home / "calendars"))
