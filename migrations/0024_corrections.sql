-- What is to be recorded of a person in the place of what is wrong, once somebody else than who proposed it approved it. What was there
-- before stands beside it, so that a proposal never undoes what was changed since. A BSN is here while it waits, and no longer.
CREATE TABLE corrections (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES persons (id),
    what TEXT NOT NULL,
    birth TEXT,
    birth_before TEXT NOT NULL,
    bsn_index BYTEA,
    bsn_sealed BYTEA,
    bsn_before BYTEA NOT NULL,
    evidence_reference TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    approved_by TEXT CHECK (approved_by <> proposed_by),
    approved_at BIGINT,
    withdrawn_by TEXT,
    withdrawn_at BIGINT
);
CREATE INDEX corrections_of_person ON corrections (person, proposed_at);
CREATE INDEX corrections_by_end ON corrections (ends);
