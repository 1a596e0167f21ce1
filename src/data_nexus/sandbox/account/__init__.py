"""The account behind the key: plan, calls, limits."""
