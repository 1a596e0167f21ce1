"""What the engine does with the database: leases, commits, sessions, actions, quota, listings."""

from data_nexus.database.store.leases import Due, QueuePosition
from data_nexus.database.store.store import Store, open_store

__all__ = ["Due", "QueuePosition", "Store", "open_store"]
