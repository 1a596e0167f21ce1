"""Commands to start with: demo, doctor, verify, config."""
