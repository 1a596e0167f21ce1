-- Give back what a worker holds without knowing it: a claim was done, and its answer was lost.
UPDATE assets
SET lease_owner = NULL, lease_until = NULL
WHERE lease_owner = %(owner)s AND id <> ALL (%(asset_ids)s::int[]);
