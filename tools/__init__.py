"""What maintainers run: the reference pages and the lock."""
