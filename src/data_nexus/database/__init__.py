"""The only place that knows SQL: tables, connections, the store, and the embedded PostgreSQL."""
