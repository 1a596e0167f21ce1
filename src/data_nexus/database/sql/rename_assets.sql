-- Give assets without a code their new one; what was found absent under the old one is forgotten.
UPDATE assets a
SET symbol = renamed.code,
    retired_at = NULL,
    is_delisted = %(delisted)s,
    ask_after = NULL,
    times_empty = 0,
    times_failed = 0
FROM unnest(%(asset_ids)s::int[], %(codes)s::text[]) AS renamed (id, code)
WHERE a.id = renamed.id;
