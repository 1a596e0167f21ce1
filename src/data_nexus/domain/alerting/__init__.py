"""What is to be told to a person, when, and in which words."""
