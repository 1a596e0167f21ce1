"""The pages, a module each: read what is asked for, and render it."""
