"""Measures the engine beside the bare COPY and the specification's way; apart from the tests."""
