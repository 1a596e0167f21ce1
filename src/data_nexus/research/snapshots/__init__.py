"""Writes and reads snapshots: the database at one moment as Parquet files under a manifest."""
