"""Commands to start with: demo, verify, config."""
