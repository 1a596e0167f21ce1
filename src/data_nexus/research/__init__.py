"""Reads the database: Arrow tables for notebooks and studies."""
