-- Whom to tell that a session ended (OpenID Connect Back-Channel Logout): a row for each client that was given anything in it,
-- written by whatever ends it. `due` is when it is tried next, and NULL once it is settled; the row stays until `ends`, so that
-- nobody is told of one session twice.
CREATE TABLE notices (
    sid TEXT NOT NULL,
    client_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    tries BIGINT NOT NULL,
    due BIGINT,
    ends BIGINT NOT NULL,
    PRIMARY KEY (sid, client_id)
);
CREATE INDEX notices_due ON notices (due);
CREATE INDEX notices_ends ON notices (ends);
