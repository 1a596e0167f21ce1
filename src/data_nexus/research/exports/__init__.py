"""Writes stored bars and actions in the formats of other tools, asset by asset."""
