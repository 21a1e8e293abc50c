-- The authenticator app of an account: its secret, sealed; since when it counts; and the last time step of which a code was used,
-- which stays when the app goes.
ALTER TABLE accounts ADD COLUMN app_sealed BYTEA;
ALTER TABLE accounts ADD COLUMN app_since BIGINT;
ALTER TABLE accounts ADD COLUMN app_step BIGINT;

-- What stands for the app, each once.
CREATE TABLE recovery_codes (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    hash BYTEA NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (account_id, hash)
);
