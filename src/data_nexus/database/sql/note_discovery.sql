-- Note that a symbol list was compared with the assets.
INSERT INTO discoveries (exchange, moment, is_delisted, types, listed, is_shrunk)
VALUES (%(exchange)s, %(moment)s, %(delisted)s, %(types)s, %(listed)s, %(shrunk)s);
