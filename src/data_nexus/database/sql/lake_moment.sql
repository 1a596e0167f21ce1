-- Begin a snapshot: lift the limits that are meant for short transactions; tell the moment and the last bar's date.
SELECT now() AS moment,
       (SELECT max(last_bar) FROM assets) AS last_bar,
       set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true);
