-- For somebody of 12 or older who cannot decide for themselves: what stands in the place of their agreement to a mandate, once
-- a second member of staff has confirmed it, and until it ends. Rows are kept; what one is worth follows from them and the clock.
CREATE TABLE special_bases (
    id TEXT PRIMARY KEY,
    mandate TEXT NOT NULL REFERENCES mandates (id),
    evidence_reference TEXT NOT NULL,
    attested_by TEXT NOT NULL,
    attested_at BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    confirmed_by TEXT,
    confirmed_at BIGINT,
    ended_by TEXT,
    ended_at BIGINT,
    CHECK (LOWER(confirmed_by) <> LOWER(attested_by))
);
CREATE INDEX special_bases_of_mandate ON special_bases (mandate);
