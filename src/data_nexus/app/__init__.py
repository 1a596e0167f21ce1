"""The composition root: settings go in, running parts come out."""
