-- Wait until no session holds these assets any more: a commit under way has then ended, either way.
SELECT id FROM assets WHERE id = ANY (%(asset_ids)s::int[]) ORDER BY id FOR UPDATE;
