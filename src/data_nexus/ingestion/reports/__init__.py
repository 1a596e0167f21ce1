"""Reports: what a run counted, and how it went."""
