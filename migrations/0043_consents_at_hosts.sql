-- Consent is of the host that its page named: one row for each portal and host. What was agreed to before names none, so it is asked anew and
-- what was given by it ends (docs/adr/0024).
DROP TABLE client_consents;
CREATE TABLE client_consents (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    host TEXT NOT NULL,
    scope TEXT NOT NULL,
    claims TEXT NOT NULL,
    given BIGINT NOT NULL,
    resources TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, client_id, host)
);
