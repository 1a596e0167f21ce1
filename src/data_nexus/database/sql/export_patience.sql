-- Let a transaction be idle while an asset is written: a disc or a large tool may be slow.
SET LOCAL idle_in_transaction_session_timeout = '10min';
