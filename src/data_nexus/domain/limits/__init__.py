"""Limits: quota, backoff, circuit breaker and concurrency."""
