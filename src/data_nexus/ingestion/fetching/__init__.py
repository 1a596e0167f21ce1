"""Fetching: the way to the vendor, with retries, limits and the quota ledger."""
