"""Make the site of the documentation, by Sphinx."""
