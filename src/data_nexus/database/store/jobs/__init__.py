"""The runs of jobs, as a daemon takes and settles them."""
