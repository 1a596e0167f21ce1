"""Draws bars: what is shown, and how Vega-Lite or a terminal shows it."""
