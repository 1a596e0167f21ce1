"""The embedded PostgreSQL: one server per home, shared by the commands that need it."""

from data_nexus.database.embedded.origin import trust_cluster
from data_nexus.database.embedded.server import (
    embedded_server,
    has_cluster,
    lay_cluster_down,
    loopback_server,
    names_file,
    private_places,
    remove,
    server_log,
    stop_if_unused,
)

__all__ = [
    "embedded_server",
    "has_cluster",
    "lay_cluster_down",
    "loopback_server",
    "names_file",
    "private_places",
    "remove",
    "server_log",
    "stop_if_unused",
    "trust_cluster",
]
