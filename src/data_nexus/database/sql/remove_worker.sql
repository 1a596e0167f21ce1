-- A worker leaves, and those go that have not been seen for a day.
DELETE FROM workers WHERE owner = %(owner)s OR seen_at < now() - interval '1 day';
