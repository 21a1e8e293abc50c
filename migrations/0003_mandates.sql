-- Facts only: what a mandate is worth follows from these and the clock (domain/mandate). Nothing here is flipped by a job.

-- One person may act for another. Documents are kept as kind and last valid day, never with a number.
CREATE TABLE mandates (
    id TEXT PRIMARY KEY,
    representative TEXT NOT NULL REFERENCES persons (id),
    represented TEXT NOT NULL REFERENCES persons (id),
    relation TEXT NOT NULL,
    legal_basis TEXT NOT NULL,
    evidence TEXT NOT NULL,
    representative_document TEXT NOT NULL,
    representative_document_valid_until TEXT NOT NULL,
    represented_document TEXT NOT NULL,
    represented_document_valid_until TEXT NOT NULL,
    form_reference TEXT NOT NULL,
    registered_by TEXT NOT NULL,
    registered_at BIGINT NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT,
    revoked_at BIGINT,
    revoked_by TEXT,
    lapsed_at BIGINT,
    CHECK (representative <> represented)
);
CREATE INDEX mandates_of_representative ON mandates (representative);
CREATE INDEX mandates_of_represented ON mandates (represented);

-- Who said what about a mandate, and when. Rows are added, never changed.
CREATE TABLE consents (
    id TEXT PRIMARY KEY,
    mandate TEXT NOT NULL REFERENCES mandates (id),
    party TEXT NOT NULL,
    word TEXT NOT NULL,
    at BIGINT NOT NULL,
    attested_by TEXT
);
CREATE INDEX consents_of_mandate ON consents (mandate, party, word, at);

-- Emergency blocks: of everything one person may do for another. Several may hold at once.
CREATE TABLE blocks (
    id TEXT PRIMARY KEY,
    representative TEXT NOT NULL REFERENCES persons (id),
    represented TEXT NOT NULL REFERENCES persons (id),
    reason TEXT NOT NULL,
    placed_at BIGINT NOT NULL,
    placed_by TEXT NOT NULL,
    lifted_at BIGINT,
    lifted_by TEXT
);
CREATE INDEX blocks_of_pair ON blocks (representative, represented);
CREATE INDEX blocks_of_represented ON blocks (represented);
