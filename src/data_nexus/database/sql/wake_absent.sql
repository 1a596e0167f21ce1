-- Let assets that had no bars back into the queue when it is time to ask again.
UPDATE assets SET ask_after = NULL WHERE ask_after <= coalesce(%(moment)s::timestamptz, now());
