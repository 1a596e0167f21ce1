"""Commands that load: discover, backfill, update, plan."""
