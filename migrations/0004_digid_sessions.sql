-- What DigiD must be told when a session that it opened ends, and how that session is found when DigiD is the one who ends
-- it. Lives as long as the session: the name is sealed, and found by keyed hashes of BSN and SessionIndex.
CREATE TABLE digid_sessions (
    sid TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    name_hash BYTEA NOT NULL,
    index_hash BYTEA,
    name_sealed BYTEA NOT NULL,
    ends BIGINT NOT NULL
);
CREATE INDEX digid_sessions_name ON digid_sessions (name_hash);
CREATE INDEX digid_sessions_ends ON digid_sessions (ends);

-- DigiD's requests to log somebody out, each once: the mark is the hash of its ID. They also count for logins that were
-- under way when they came.
CREATE TABLE digid_logouts (
    mark TEXT PRIMARY KEY,
    name_hash BYTEA NOT NULL,
    issued BIGINT NOT NULL,
    ends BIGINT NOT NULL
);
CREATE INDEX digid_logouts_name ON digid_logouts (name_hash);
CREATE INDEX digid_logouts_ends ON digid_logouts (ends);
