-- Why somebody at the desk refused what waited, as a word; it is revoked with it. Whoever registered it is shown that.
CREATE TABLE refusals (
    mandate TEXT PRIMARY KEY REFERENCES mandates (id),
    registered_by TEXT NOT NULL,
    why TEXT NOT NULL,
    refused_by TEXT NOT NULL,
    refused_at BIGINT NOT NULL
);
CREATE INDEX refusals_of ON refusals (registered_by, refused_at);
-- What else waits for a second pair of eyes.
CREATE INDEX special_bases_waiting ON special_bases (attested_at, id) WHERE confirmed_at IS NULL AND ended_at IS NULL;
CREATE INDEX corrections_waiting ON corrections (proposed_at, id) WHERE approved_at IS NULL AND withdrawn_at IS NULL;
