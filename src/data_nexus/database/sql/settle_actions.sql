-- Give back an asset whose actions were asked for; they are wanted no more, or again after some days.
UPDATE assets
SET actions_read_at = CASE WHEN %(are_read)s THEN now() ELSE actions_read_at END,
    actions_wanted_at = now() + %(put_off_days)s::float8 * interval '1 day',
    times_rescued = 0,
    lease_owner = NULL,
    lease_until = NULL
WHERE id = %(asset_id)s;
