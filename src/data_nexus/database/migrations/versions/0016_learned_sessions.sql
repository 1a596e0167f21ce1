-- Days on which an exchange traded, or stayed shut, against its calendar. What bars show of a day
-- replaces what was learned of it before.
CREATE TABLE learned_sessions (
    exchange TEXT NOT NULL,
    date DATE NOT NULL,
    is_open BOOLEAN NOT NULL,
    traded INTEGER NOT NULL,
    asked INTEGER NOT NULL,
    symbols TEXT[] NOT NULL,
    learned_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT learned_sessions_pkey PRIMARY KEY (exchange, date)
);
COMMENT ON TABLE learned_sessions IS 'sessions and closures that the calendar lacks, as the bars of several assets show them';
COMMENT ON COLUMN learned_sessions.is_open IS 'whether it is a session; false: the exchange was shut';
COMMENT ON COLUMN learned_sessions.traded IS 'how many assets had a bar of the day';
COMMENT ON COLUMN learned_sessions.asked IS 'how many assets had answers that reach over the day';
COMMENT ON COLUMN learned_sessions.symbols IS 'the codes of some assets that had a bar';
COMMENT ON COLUMN learned_sessions.learned_at IS 'when the evidence was received';
