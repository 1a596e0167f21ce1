"""The daemon's jobs, as a person sees and changes them."""
