-- Every symbol list that was compared with the assets.
SELECT exchange, moment, is_delisted, types, listed, is_shrunk FROM discoveries ORDER BY id;
