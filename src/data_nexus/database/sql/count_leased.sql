-- Count the due assets that other workers hold.
SELECT count(*)
FROM assets
WHERE lease_owner IS NOT NULL AND lease_owner <> %(owner)s AND lease_until >= now();
