-- Invitations to register clients (RFC 7591): the hash of the initial access token, what it fixes, and how often it may be used.
-- One that was taken back has ended.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    token BYTEA NOT NULL UNIQUE,
    terms TEXT NOT NULL,
    uses BIGINT NOT NULL,
    used BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    created BIGINT NOT NULL
);

-- By which invitation a client registered itself, and the hash of the token with which it manages that (RFC 7592).
ALTER TABLE clients ADD COLUMN invitation TEXT REFERENCES invitations (id);
ALTER TABLE clients ADD COLUMN manager BYTEA;
