-- Give back all that a worker still holds when its run ends; the assets stay due.
UPDATE assets
SET lease_owner = NULL, lease_until = NULL
WHERE lease_owner = %(owner)s;
