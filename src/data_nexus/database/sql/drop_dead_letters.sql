-- Give assets up: their letters go, and the queue leaves them alone until a list names them again.
WITH dropped AS (
    DELETE FROM dead_letters
    WHERE %(asset_ids)s::int[] IS NULL OR asset_id = ANY (%(asset_ids)s)
    RETURNING asset_id
)
UPDATE assets a
SET is_active = false, parked_at = NULL
WHERE a.id IN (SELECT asset_id FROM dropped);
