-- Let some assets that rest for want of bars back into the queue.
UPDATE assets SET ask_after = NULL WHERE id = ANY (%(asset_ids)s::int[]) AND ask_after IS NOT NULL;
