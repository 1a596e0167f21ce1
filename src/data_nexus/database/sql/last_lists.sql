-- The symbol lists as they were last read whole, of each exchange the living and the dead.
SELECT DISTINCT ON (exchange, is_delisted) exchange, is_delisted, types, listed, moment
FROM discoveries
WHERE NOT is_shrunk
ORDER BY exchange, is_delisted, moment DESC, id DESC;
