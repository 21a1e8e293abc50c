-- Consent is of the host that its page named: one row for each portal and host. What was agreed to before has no host, and counts at
-- none: it only keeps what was given by it (docs/adr/0027).
ALTER TABLE client_consents RENAME TO client_consents_before;
CREATE TABLE client_consents (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    host TEXT NOT NULL DEFAULT '',
    scope TEXT NOT NULL,
    claims TEXT NOT NULL,
    given BIGINT NOT NULL,
    resources TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, client_id, host)
);
INSERT INTO client_consents (account_id, client_id, host, scope, claims, given, resources)
    SELECT account_id, client_id, '', scope, claims, given, resources FROM client_consents_before;
DROP TABLE client_consents_before;
