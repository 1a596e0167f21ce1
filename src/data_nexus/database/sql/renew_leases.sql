-- Hold on to the leases of this worker for another while.
UPDATE assets
SET lease_until = now() + make_interval(secs => %(lease_sec)s)
WHERE lease_owner = %(owner)s;
