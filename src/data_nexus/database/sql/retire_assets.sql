-- Take their codes from assets; a worker that holds one of them writes nothing more.
UPDATE assets
SET retired_at = %(moment)s,
    is_delisted = true,
    fence = fence + 1,
    lease_owner = NULL,
    lease_until = NULL
WHERE id = ANY (%(asset_ids)s::int[]) AND retired_at IS NULL;
