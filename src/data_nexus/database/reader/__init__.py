"""What people read: one module an aggregate, its SQL beside it."""
