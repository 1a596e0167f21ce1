"""What people type: parse, call one function, render."""
