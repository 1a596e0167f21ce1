"""Planning: what is due, in bulk or individually, and what it costs."""
