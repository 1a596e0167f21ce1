-- The sessions of an exchange since a day that need no further look.
SELECT session FROM settled_sessions WHERE exchange = %(exchange)s AND session >= %(since)s;
