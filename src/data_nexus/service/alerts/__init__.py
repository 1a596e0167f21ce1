"""The ways by which alerts reach a person."""
