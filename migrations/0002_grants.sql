-- A grant: what one client was given in one session, and the family of everything that came of it. The hash of its
-- authorization code is unique, so of a hundred exchanges of one code a single insert decides which one counts; the row
-- stays as the mark that the code is spent.
--
-- Of its refresh tokens it knows the hashes of the current one and of the one before, and what all have in common: so a
-- single update of this row decides which of a hundred refreshes counts, and a token of any age is known for a replay.
-- The current token's text is sealed under the one before.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    code_hash BYTEA NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    person_id TEXT NOT NULL REFERENCES persons (id),
    sid TEXT NOT NULL,
    scope TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    level TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    created BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    revoked_at BIGINT,
    family_hash BYTEA NOT NULL UNIQUE,
    refresh_hash BYTEA NOT NULL,
    replaced_hash BYTEA,
    replaced_at BIGINT,
    successor_sealed BYTEA
);
CREATE INDEX grants_sid ON grants (sid);
CREATE INDEX grants_account ON grants (account_id);
CREATE INDEX grants_ends ON grants (ends);

-- Signing keys: facts, and the private half sealed under the master key.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    alg TEXT NOT NULL,
    created BIGINT NOT NULL,
    publish_from BIGINT NOT NULL,
    sign_from BIGINT NOT NULL,
    sign_until BIGINT,
    publish_until BIGINT,
    private_sealed BYTEA NOT NULL
);
