"""Several listeners hear every event, in the order in which they were named."""

from __future__ import annotations

from data_nexus.events import Draining, Event, Failed, ignore, observers


def test_every_listener_hears_every_event_in_order() -> None:
    heard: list[tuple[str, Event]] = []
    tell = observers(lambda e: heard.append(("a", e)), ignore, lambda e: heard.append(("b", e)))
    first, second = Failed("AAPL.US", "cut"), Draining("SIGTERM")
    tell(first)
    tell(second)
    assert heard == [("a", first), ("b", first), ("a", second), ("b", second)]
