"""The control port: what tests and demos change while the sandbox runs."""
