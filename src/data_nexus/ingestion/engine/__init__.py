"""Run over leased assets: claim, read, keep, settle."""
