-- What an account's owner is called, and the other standard claims of theirs that the operator recorded: sealed, as one value.
CREATE TABLE profiles (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed BYTEA NOT NULL
);

-- To what an account's owner agreed that a portal of somebody else may know: one row for each portal.
CREATE TABLE client_consents (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    claims TEXT NOT NULL,
    given BIGINT NOT NULL,
    PRIMARY KEY (account_id, client_id)
);

-- The single claims that a client may ask UserInfo for, beside those of its scopes; NULL: none.
ALTER TABLE grants ADD COLUMN claims TEXT;
