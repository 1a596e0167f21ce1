"""Commands that operate: worker, dead letters, database."""
