-- Say whether an exchange has assets.
SELECT EXISTS (SELECT FROM assets WHERE exchange = %(exchange)s);
