"""Session calendars: which days are sessions, and when they are published."""
