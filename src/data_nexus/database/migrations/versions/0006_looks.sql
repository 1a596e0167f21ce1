-- At which sessions no further look is needed: what has no bar there has none.
CREATE TABLE settled_sessions (
    exchange TEXT NOT NULL,
    session DATE NOT NULL,
    looked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (exchange, session)
);
COMMENT ON TABLE settled_sessions IS 'sessions that were looked at in bulk after a later one was out';
COMMENT ON COLUMN settled_sessions.looked_at IS 'the last time';
