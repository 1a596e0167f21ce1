"""What a person should know of, when, and in which words."""
